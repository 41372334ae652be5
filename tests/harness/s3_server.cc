#include "tests/harness/s3_server.h"

#include <cstdlib>
#include <stdexcept>

namespace holdfast {
namespace {

std::optional<std::string> variable(const std::string& name) {
  const char* value = std::getenv(("HOLDFAST_TEST_S3_" + name).c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

std::string S3Server::missing() {
  return "no S3 server: HOLDFAST_TEST_S3_ENDPOINT is not set (tests/s3-server starts one)";
}

std::optional<S3Credentials> S3Server::host_credentials() {
  const auto key = variable("HOST_ACCESS_KEY");
  const auto secret = variable("HOST_SECRET_KEY");
  if (!key || !secret) return std::nullopt;
  return S3Credentials{*key, SecretText(*secret), SecretText()};
}

S3Store::Parts S3Server::parts() {
  return {*transport_, [this]() -> Result<S3Credentials> { return credentials(); }, clock_, entropy_};
}

std::unique_ptr<S3Server> S3Server::from_environment(const std::string& suffix,
                                                     const std::vector<HttpHeader>& headers) {
  const auto endpoint = variable("ENDPOINT");
  if (!endpoint) return nullptr;
  std::unique_ptr<S3Server> server(new S3Server);
  server->settings_.endpoint = *endpoint;
  server->settings_.bucket = variable("BUCKET").value_or("holdfast-test") + suffix;
  server->access_key_ = variable("ACCESS_KEY").value_or("");
  server->secret_key_ = variable("SECRET_KEY").value_or("");
  server->transport_ = std::move(CurlTransport::open(server->settings_.timeouts, "").value());

  const S3Store::Parts parts = server->parts();
  S3Client client(server->settings_, parse_s3_endpoint(*endpoint).value(), parts.transport, parts.credentials,
                  parts.clock, parts.entropy);
  S3Request make;
  make.method = HttpMethod::put;
  make.headers = headers;
  const auto made = client.send(make);
  if (!made) throw std::runtime_error(made.error().text());
  if (!made->ok() && !made->refused_with("BucketAlreadyOwnedByYou") && !made->refused_with("BucketAlreadyExists")) {
    throw std::runtime_error(S3Client::error_of(*made).text());
  }
  return server;
}

std::unique_ptr<S3Store> S3Server::fresh_store(S3Limits limits) {
  S3Settings settings = settings_;
  settings.prefix = "test-" + to_hex(entropy_.bytes<8>());
  settings.limits = limits;
  return std::move(S3Store::open(std::move(settings), parts()).value());
}

void S3Server::remove_everything(Store& store) {
  const auto objects = store.list("");
  for (const ObjectInfo& object : objects.value()) (void)store.remove(object.name).has_value();
}

}  // namespace holdfast
