// Who the server is gets verified, always.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <csignal>
#include <cstdlib>
#include <thread>

#include "shared/base/unique_handle.h"
#include "shared/store/s3/curl_transport.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

// Answers "ok" to one connection, if the handshake succeeds.
class TlsServer {
 public:
  TlsServer(const std::string& certificate, const std::string& key)
      : context_(SSL_CTX_new(TLS_server_method())), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (SSL_CTX_use_certificate_file(context_.get(), certificate.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(context_.get(), key.c_str(), SSL_FILETYPE_PEM) != 1 ||
        ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_.get(), 1) != 0 ||
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("no TLS server");
    }
    url_ = "https://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
    thread_ = std::jthread([this] { serve(); });
  }
  ~TlsServer() { ::shutdown(listener_.get(), SHUT_RDWR); }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  const std::string& url() const { return url_; }

 private:
  void serve() {
    const UniqueFd connection(::accept(listener_.get(), nullptr, nullptr));
    if (!connection) return;
    const UniqueHandle<SSL, SSL_free> session(SSL_new(context_.get()));
    SSL_set_fd(session.get(), connection.get());
    if (SSL_accept(session.get()) != 1) return;
    std::array<char, 4096> request{};
    (void)SSL_read(session.get(), request.data(), static_cast<int>(request.size()));
    const std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    (void)SSL_write(session.get(), answer.data(), static_cast<int>(answer.size()));
    (void)SSL_shutdown(session.get());
  }

  UniqueHandle<SSL_CTX, SSL_CTX_free> context_;
  UniqueFd listener_;
  std::string url_;
  std::jthread thread_;
};

class CurlTls : public testing::Test {
 protected:
  // A certificate that signs itself, for this address.
  void SetUp() override {
    // As programs do; the handshake that is broken off ends in a closed connection.
    ::signal(SIGPIPE, SIG_IGN);
    if (make("right", "IP:127.0.0.1") != 0 || make("other", "DNS:other.example") != 0) {
      GTEST_SKIP() << "openssl, the program, is not there";
    }
  }
  int make(const std::string& name, const std::string& subject) {
    return std::system(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=x "
                        "-addext subjectAltName=" +
                        subject + " -keyout " + directory / (name + ".key") + " -out " + directory / (name + ".pem") +
                        " >/dev/null 2>&1")
                           .c_str());
  }
  Result<HttpResponse> get(const std::string& server_name, const std::string& ca_file) {
    const TlsServer server(directory / (server_name + ".pem"), directory / (server_name + ".key"));
    const auto transport = std::move(CurlTransport::open({}, ca_file).value());
    HttpRequest request;
    request.url = server.url();
    request.response_limit = 100;
    return transport->exchange(request);
  }
  TemporaryDirectory directory;
};

TEST_F(CurlTls, RefusesAServerThatNobodyVouchesFor) {
  const auto answer = get("right", "");
  ASSERT_THAT(answer, FailedWith(Code::denied, "https://127.0.0.1:"));
  EXPECT_THAT(answer.error().hint, testing::HasSubstr("\"ca_file\""));
}

TEST_F(CurlTls, TakesTheOperatorsAuthority) {
  const auto answer = get("right", directory / "right.pem");
  ASSERT_THAT(answer, Succeeded());
  EXPECT_EQ(as_text(answer->body), "ok");
}

TEST_F(CurlTls, RefusesAnotherServersCertificate) {
  EXPECT_THAT(get("other", directory / "other.pem"), FailedWith(Code::denied));
  EXPECT_THAT(get("right", directory / "other.pem"), FailedWith(Code::denied));
}

TEST_F(CurlTls, RefusesAnAuthorityThatIsNone) {
  EXPECT_THAT(get("right", directory / "none.pem"), FailedWith(Code::invalid, "https://127.0.0.1:"));
}

}  // namespace
}  // namespace holdfast
