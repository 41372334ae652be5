#include "agent/restore/wal_service.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <thread>
#include <variant>

#include "agent/restore/local_socket.h"
#include "agent/restore/segment_files.h"
#include "shared/os/stop.h"

namespace holdfast {
namespace {

constexpr std::string_view greeting = "holdfast-wal 2 ";
constexpr std::size_t request_limit = 128;
constexpr Micros client_patience = std::chrono::seconds(30);

Result<UniqueFd> listen_at(const std::string& path, const OsUser& owner) {
  const sockaddr_un address = TRY(local_address(path));
  if (connect_local(path)) return fail(Code::conflict, fmt::format("\"{}\" is served by another process", path));
  ::unlink(path.c_str());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return std::unexpected(error_from_errno(errno, "create a socket"));
  // Nobody can connect before listen(), so mode and owner are right before the first one can.
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(path.c_str(), 0600) != 0) {
    return std::unexpected(error_from_errno(errno, fmt::format("create socket \"{}\"", path)));
  }
  if (::geteuid() == 0 && ::lchown(path.c_str(), owner.uid, owner.gid) != 0) {
    return std::unexpected(error_from_errno(errno, fmt::format("give \"{}\" to {}", path, owner.name)));
  }
  if (::listen(fd.get(), 16) != 0) {
    return std::unexpected(error_from_errno(errno, fmt::format("listen on \"{}\"", path)));
  }
  return fd;
}

}  // namespace

WalSource wal_source(WalReader& reader) {
  return {[&reader](Timeline timeline, Lsn at, std::uint64_t size, const WalSink& sink) {
            return reader.read_segment(timeline, at, size, sink);
          },
          [&reader](Timeline timeline) { return reader.history(timeline); },
          [&reader](Lsn end) { reader.end_at(end); }};
}

class WalService::Server {
 public:
  Server(WalServiceOptions options, std::unique_ptr<SegmentFiles> segments, UniqueFd listener)
      : options_(std::move(options)),
        listener_(std::move(listener)),
        segments_(std::move(segments)),
        thread_([this] { serve(); }) {}
  ~Server() {
    stop_.request_stop();
    thread_.join();
    ::unlink(options_.socket.c_str());
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  WalServed served() const {
    const std::lock_guard lock(mutex_);
    return served_;
  }
  const std::string& socket() const { return options_.socket; }

 private:
  void serve() {
    while (!stop_.stop_requested()) {
      pollfd waiting[2] = {{listener_.get(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}};
      if (::poll(waiting, 2, -1) < 0 || (waiting[0].revents & POLLIN) == 0) continue;
      // The server asks for one file at a time, so one conversation at a time is enough.
      const UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client || !may_ask(client.get())) continue;
      limit_waiting(client.get(), client_patience);
      // A client that went away is its own loss: it asks again.
      (void)answer(client.get()).has_value();
    }
  }

  bool may_ask(int client) const {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
    return peer.uid == 0 || peer.uid == ::geteuid() || peer.uid == options_.owner.uid;
  }

  Result<> answer(int client) {
    const std::string request = TRY(receive_line(client, request_limit));
    if (!request.starts_with(greeting)) return fail(Code::invalid, "not a request for a log file");
    const auto found = find(request.substr(greeting.size()));
    if (!found) return send_all(client, as_bytes(refusal(found.error())));
    if (const auto* path = std::get_if<std::string>(&*found)) {
      return send_all(client, as_bytes(fmt::format("file {}\n", *path)));
    }
    const auto& content = std::get<Bytes>(*found);
    TRY(send_all(client, as_bytes(fmt::format("ok {}\n", content.size()))));
    return send_all(client, content);
  }

  std::string refusal(const Error& error) {
    if (error.code == Code::not_found) return "missing\n";
    const std::lock_guard lock(mutex_);
    served_.error = error;
    std::string message = error.message.substr(0, 1000);
    for (char& c : message) {
      if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    }
    return fmt::format("error {} {}\n", static_cast<int>(error.code), message);
  }

  // The path of a segment, or the content of a small file.
  Result<std::variant<std::string, Bytes>> find(const std::string& name) {
    const WalFileName file = TRY(classify_wal_file(name));
    switch (file.kind) {
      case WalFileKind::history:
        return TRY(segments_->history(file.timeline));
      case WalFileKind::segment:
        break;
      // Neither is kept: a partial segment's content is in the WAL objects, backup histories are for archives.
      case WalFileKind::partial:
      case WalFileKind::backup_history:
        return fail(Code::not_found, fmt::format("\"{}\" is not kept", name));
    }
    const WalSegment segment = TRY(parse_segment_name(name, options_.segment_size));
    std::string path = TRY(segments_->get(segment));
    const std::lock_guard lock(mutex_);
    ++served_.segments;
    served_.newest = segment;
    served_.asked_through = end_of(segment, options_.segment_size);
    return path;
  }

  const WalServiceOptions options_;
  const UniqueFd listener_;
  const std::unique_ptr<SegmentFiles> segments_;
  const StopToken stop_;
  mutable std::mutex mutex_;
  WalServed served_;  // guarded by mutex_
  std::thread thread_;
};

WalService::WalService(std::unique_ptr<Server> server) : server_(std::move(server)) {}
WalService::~WalService() = default;

Result<std::unique_ptr<WalService>> WalService::start(const WalServiceOptions& options, WalSource source) {
  UniqueFd listener = TRY(listen_at(options.socket, options.owner));
  auto segments = TRY(SegmentFiles::make(options, std::move(source)));
  return std::unique_ptr<WalService>(
      new WalService(std::make_unique<Server>(options, std::move(segments), std::move(listener))));
}

WalServed WalService::served() const {
  return server_->served();
}
const std::string& WalService::socket() const {
  return server_->socket();
}

}  // namespace holdfast
