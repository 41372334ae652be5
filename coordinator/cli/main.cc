// holdfast: build the parts, run.
#include <exception>

#include "coordinator/cli/app.h"
#include "shared/identity/operator_file.h"
#include "shared/os/posix_file_system.h"
#include "shared/os/system_entropy.h"

namespace {

using namespace holdfast;

constexpr std::size_t reply_limit = 64U << 20U;  // listings may be long

Result<FleetAccess> connect(FileSystem& files, ZmqContext& context, const StopToken& stop, const std::string& path) {
  Result<OperatorFile> file = read_operator_file(files, path, std::nullopt);
  if (!file) {
    // Not "not found": that is said of things in the fleet.
    Error error = std::move(file).error();
    if (error.code == Code::not_found) error.code = Code::invalid;
    return std::unexpected(
        std::move(error).with_hint("holdfast init makes the first operator file (DIR/admin.operator)"));
  }
  FleetAccess access;
  access.endpoint = file->endpoint;
  access.fleet = file->fleet;
  access.root = file->root;
  access.fleet_name = file->fleet_name;
  access.fleet_server = file->fleet_server;
  access.transport = TRY(open_client_transport(context,
                                               {.endpoint = file->endpoint,
                                                .server = file->fleet_server,
                                                .message_limit = reply_limit,
                                                .reconnect = Reconnect::prompt},
                                               file->key, {stop.fd()}));
  return access;
}

int run(std::vector<std::string> arguments) {
  const StopToken stop;
  const StopOnSignal on_signal(stop);
  PosixConsole console(stop);
  SystemClock clock;
  PosixFileSystem files;
  SystemEntropy entropy;
  ZmqContext context;
  Surroundings surroundings{
      console,         clock, files,
      entropy,         stop,  [&](const std::string& path) { return connect(files, context, stop, path); },
      HOLDFAST_VERSION};
  return run_cli(std::move(arguments), surroundings);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& bug) {
    const std::string text = std::string("error: a fault of this program: ") + bug.what() + "\n";
    PosixConsole(StopToken()).err(text);
    return static_cast<int>(ExitCode::failed);
  }
}
