// libcurl against a server that says what a test wants, byte by byte.
#include "shared/store/s3/curl_transport.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "shared/base/unique_handle.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// Takes one connection after the other; each gets the next answers, and then is closed.
class CannedServer {
 public:
  // One entry for each connection; in it, what is sent after each request.
  explicit CannedServer(std::vector<std::vector<std::string>> answers) : answers_(std::move(answers)) {
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_.get(), 8) != 0 ||
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("no port");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this] { serve(); });
  }
  ~CannedServer() { ::shutdown(listener_.get(), SHUT_RDWR); }
  CannedServer(const CannedServer&) = delete;
  CannedServer& operator=(const CannedServer&) = delete;

  std::string url(const std::string& path = "/") const { return "http://127.0.0.1:" + std::to_string(port_) + path; }
  // What came, after everything was answered.
  const std::vector<std::string>& requests() {
    if (thread_.joinable()) thread_.join();
    return requests_;
  }

 private:
  void serve() {
    for (const auto& answers : answers_) {
      const UniqueFd connection(::accept(listener_.get(), nullptr, nullptr));
      if (!connection) return;
      for (const std::string& answer : answers) {
        if (!read_request(connection.get())) break;
        (void)::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
      }
      ::shutdown(connection.get(), SHUT_WR);
    }
  }
  bool read_request(int connection) {
    std::string text;
    std::size_t wanted = std::string::npos;
    while (text.size() < wanted) {
      std::array<char, 65536> some{};
      const ssize_t length = ::recv(connection, some.data(), some.size(), 0);
      if (length <= 0) return false;
      text.append(some.data(), static_cast<std::size_t>(length));
      const auto end = text.find("\r\n\r\n");
      if (end == std::string::npos || wanted != std::string::npos) continue;
      const auto at = text.find("Content-Length: ");
      wanted = end + 4 + (at == std::string::npos ? 0 : std::stoul(text.substr(at + 16)));
      if (text.find("Expect: 100-continue") != std::string::npos) {
        const std::string_view go_on = "HTTP/1.1 100 Continue\r\nX-Of: the hundred\r\n\r\n";
        (void)::send(connection, go_on.data(), go_on.size(), MSG_NOSIGNAL);
      }
    }
    requests_.push_back(std::move(text));
    return true;
  }

  std::vector<std::vector<std::string>> answers_;
  UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::vector<std::string> requests_;
  std::jthread thread_;
};

class CurlTransportTest : public testing::Test {
 protected:
  CurlTransportTest() {
    timeouts.connect = std::chrono::seconds(5);
    timeouts.stall = std::chrono::seconds(1);
    transport = std::move(CurlTransport::open(timeouts, "").value());
  }
  Result<HttpResponse> get(const std::string& url, std::uint64_t limit = 1000) {
    HttpRequest request;
    request.url = url;
    request.response_limit = limit;
    return transport->exchange(request);
  }
  S3Timeouts timeouts;
  std::unique_ptr<CurlTransport> transport;
};

TEST_F(CurlTransportTest, GivesStatusHeadersAndBody) {
  CannedServer server({{"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\nX-A:  b \r\nx-a: c\r\n\r\nabc"}});
  const auto answer = get(server.url());
  ASSERT_THAT(answer, Succeeded());
  EXPECT_EQ(answer->status, 404);
  EXPECT_EQ(as_text(answer->body), "abc");
  EXPECT_EQ(answer->header("X-a"), "b ");
  EXPECT_EQ(answer->content_length(), 3U);
  EXPECT_EQ(answer->header("none"), std::nullopt);
}

TEST_F(CurlTransportTest, SendsExactlyWhatItIsTold) {
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  CannedServer server({{ok, ok, ok, ok, ok}});
  HttpRequest request;
  request.url = server.url("/a/../b//%2E?x=%2F&y=");
  request.headers = {{"Host", "bucket.example"}, {"X-Empty", ""}, {"X-Amz-Date", "now"}};
  request.response_limit = 10;
  request.method = HttpMethod::put;
  request.body = as_bytes("body");
  ASSERT_THAT(transport->exchange(request), Succeeded());
  request.body = {};
  ASSERT_THAT(transport->exchange(request), Succeeded());
  request.method = HttpMethod::post;
  ASSERT_THAT(transport->exchange(request), Succeeded());
  request.body = as_bytes("<xml/>");
  ASSERT_THAT(transport->exchange(request), Succeeded());
  request.method = HttpMethod::remove;
  request.body = {};
  ASSERT_THAT(transport->exchange(request), Succeeded());
  const auto& came = server.requests();
  ASSERT_EQ(came.size(), 5U) << "one connection for all of them";
  EXPECT_THAT(came[0], StartsWith("PUT /a/../b//%2E?x=%2F&y= HTTP/1.1\r\nHost: bucket.example\r\n"));
  EXPECT_THAT(came[0], HasSubstr("\r\nContent-Length: 4\r\n"));
  EXPECT_THAT(came[0], HasSubstr("\r\nX-Amz-Date: now\r\n"));
  EXPECT_THAT(came[0], HasSubstr("\r\nX-Empty:\r\n"));
  EXPECT_THAT(came[0], testing::EndsWith("\r\n\r\nbody"));
  EXPECT_THAT(came[1], HasSubstr("\r\nContent-Length: 0\r\n"));
  EXPECT_THAT(came[2], StartsWith("POST "));
  EXPECT_THAT(came[2], HasSubstr("\r\nContent-Length: 0\r\n"));
  EXPECT_THAT(came[2], Not(HasSubstr("Content-Type")));
  EXPECT_THAT(came[3], testing::EndsWith("\r\n\r\n<xml/>"));
  EXPECT_THAT(came[4], StartsWith("DELETE "));
  for (const std::string& text : came) EXPECT_THAT(text, Not(HasSubstr("Transfer-Encoding")));
}

TEST_F(CurlTransportTest, SendsALongBodyAfterBeingAskedTo) {
  CannedServer server({{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}});
  Bytes body(3U << 20U);
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<std::uint8_t>(i * 7 + i / 1000);
  HttpRequest request;
  request.url = server.url();
  request.method = HttpMethod::put;
  request.body = body;
  const auto answer = transport->exchange(request);
  ASSERT_THAT(answer, Succeeded());
  EXPECT_EQ(answer->header("x-of"), std::nullopt) << "headers of the last status only";
  EXPECT_TRUE(server.requests().at(0).ends_with(as_text(body)));
}

TEST_F(CurlTransportTest, TakesACutAnswerForNone) {
  CannedServer server({{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"}, {"HTTP/1.1 200"}, {""}});
  EXPECT_THAT(get(server.url()), FailedWith(Code::unavailable, server.url("")));
  EXPECT_THAT(get(server.url()), FailedWith(Code::unavailable));
  EXPECT_THAT(get(server.url()), FailedWith(Code::unavailable));
}

TEST_F(CurlTransportTest, DoesNotReadMoreThanTheLimit) {
  const std::string long_answer = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + std::string(5000, 'x');
  CannedServer server({{long_answer}, {"HTTP/1.1 200 OK\r\n\r\n" + std::string(5000, 'x')}, {long_answer}});
  EXPECT_THAT(get(server.url(), 4999), FailedWith(Code::exhausted, "longer than 4999 bytes"));
  EXPECT_THAT(get(server.url(), 4999), FailedWith(Code::exhausted));
  EXPECT_EQ(get(server.url(), 5000).value().body.size(), 5000U);
}

TEST_F(CurlTransportTest, FollowsNoRedirect) {
  CannedServer server(
      {{"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"}});
  EXPECT_EQ(get(server.url()).value().status, 307);
}

TEST_F(CurlTransportTest, NoticesAServerThatStalls) {
  CannedServer server({{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab"}});
  // The answer's end never comes and the connection stays; see stall.
  const UniqueFd silent(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(silent.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(silent.get(), 1), 0);
  ASSERT_EQ(::getsockname(silent.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  EXPECT_THAT(get("http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/"), FailedWith(Code::timed_out));
  EXPECT_THAT(get(server.url()), FailedWith(Code::unavailable));
}

TEST_F(CurlTransportTest, SaysThatNobodyIsThere) {
  std::string url;
  {
    CannedServer gone({});
    url = gone.url();
  }
  const auto answer = get(url + "secret-path");
  ASSERT_THAT(answer, FailedWith(Code::unavailable, "http://127.0.0.1:"));
  EXPECT_THAT(answer.error().message, Not(HasSubstr("secret-path")));
  EXPECT_FALSE(answer.error().hint.empty());
  EXPECT_FALSE(get("ftp://127.0.0.1/"));
}

TEST_F(CurlTransportTest, ServesManyThreads) {
  constexpr int threads = 8;
  constexpr int each = 20;
  std::vector<std::vector<std::string>> answers(
      threads * each, {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"});
  CannedServer server(answers);
  std::atomic<int> fine{0};
  {
    std::vector<std::jthread> pool;
    for (int i = 0; i < threads; ++i) {
      pool.emplace_back([&] {
        for (int n = 0; n < each; ++n) {
          const auto answer = get(server.url());
          if (answer && as_text(answer->body) == "ok") ++fine;
        }
      });
    }
  }
  EXPECT_EQ(fine.load(), threads * each);
}

}  // namespace
}  // namespace holdfast
