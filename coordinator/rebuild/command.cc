#include "coordinator/rebuild/command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "coordinator/cli/console.h"
#include "coordinator/cli/recovery.h"
#include "coordinator/rebuild/report.h"
#include "shared/identity/stored_keys.h"
#include "shared/os/posix_file_system.h"
#include "shared/os/system_entropy.h"

namespace holdfast {

struct CatalogCommands::Options {
  CLI::App* rebuild = nullptr;
  CLI::App* check = nullptr;
  std::string state;
  std::vector<std::string> from;
  std::string recovery_key;
  std::string passphrase_file;
  std::string format = "table";
  bool deep = false;
  std::size_t threads = 8;
};

namespace {

ExitCode report_error(Console& console, const Error& error) {
  console.err("error: " + error.message + "\n");
  if (!error.hint.empty()) console.err("hint: " + error.hint + "\n");
  return exit_code_of(error.code);
}

void show_warnings(Console& console, const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) console.err("warning: " + warning + "\n");
}

// Its file names the fleet and the root key: they are what the stores are measured by.
Result<> read_recovery_key(FileSystem& files, Console& console, const std::string& path,
                           const std::string& passphrase_file, RebuildOptions& into) {
  std::optional<Passphrase> passphrase;
  if (TRY(key_file_needs_passphrase(files, path))) {
    passphrase.emplace(passphrase_file.empty() ? TRY(typed_passphrase(console, "passphrase of " + path + ": "))
                                               : TRY(passphrase_from_file(files, passphrase_file)));
  }
  const KeyFile file = TRY(read_key_file(files, path, KeyKind::recovery, passphrase));
  const std::string step = fmt::format("recovery key \"{}\"", path);
  into.recovery = TRY_DURING(step, box_pair(file));
  into.anchor.fleet = TRY_DURING(step, FleetId::parse(TRY_DURING(step, key_fact(file, "fleet"))));
  const Bytes root = TRY_DURING(step, from_base64url(TRY_DURING(step, key_fact(file, "root"))));
  into.anchor.root = TRY_DURING(step, SignPublicKey::from_bytes(root));
  return {};
}

}  // namespace

CatalogCommands::CatalogCommands(CLI::App& app) : options_(std::make_unique<Options>()) {
  CLI::App* catalog = app.add_subcommand("catalog", "the catalog and the stores");
  catalog->require_subcommand(1);
  const auto common = [this](CLI::App* verb, const char* state) {
    verb->add_option("--state", options_->state, state)->required();
    verb->add_option("-o,--output", options_->format, "table or json")->check(CLI::IsMember({"table", "json"}));
    verb->add_option("--threads", options_->threads, "databases that are read at once (8)")->check(CLI::Range(1, 256));
  };
  options_->rebuild = catalog->add_subcommand(
      "rebuild", "make a lost state directory again from the stores and the recovery key; then start the coordinator");
  common(options_->rebuild, "state directory to make; it must not exist");
  options_->rebuild
      ->add_option(
          "--from", options_->from,
          "store to read: a directory or s3://BUCKET/PREFIX?endpoint=URL; NAME=STORE when it is not where it was; "
          "again for each")
      ->required();
  options_->rebuild->add_option("--recovery-key", options_->recovery_key, "the fleet's recovery key file")->required();
  options_->rebuild->add_option("--passphrase-file", options_->passphrase_file,
                                "file with its passphrase; asked for otherwise");
  options_->check = catalog->add_subcommand("check", "compare catalog and stores both ways; the coordinator may run");
  common(options_->check, "the coordinator's state directory");
  options_->check->add_flag("--deep", options_->deep, "read every object and compare it with its hash");
}

CatalogCommands::~CatalogCommands() = default;

bool CatalogCommands::chosen() const {
  return options_->rebuild->parsed() || options_->check->parsed();
}

ExitCode CatalogCommands::run() const {
  PosixFileSystem files;
  SystemClock clock;
  SystemEntropy entropy;
  PosixConsole console{StopToken()};
  const OpenStore open = store_opener({files, clock, entropy});
  const ReportFormat format = options_->format == "json" ? ReportFormat::json : ReportFormat::table;
  if (options_->check->parsed()) {
    const CheckOptions options{options_->deep ? CheckDepth::every_byte : CheckDepth::names_and_sizes, clock.now(),
                               options_->threads};
    const auto report = check_catalog(files, open, options_->state, options);
    if (!report) return report_error(console, report.error());
    show_warnings(console, report->warnings);
    console.out(show(*report, format));
    return report->differences.empty() && report->warnings.empty() ? ExitCode::done : ExitCode::done_in_part;
  }
  const auto rebuild = [&]() -> Result<RebuildReport> {
    RebuildOptions options;
    options.state_directory = std::filesystem::absolute(options_->state).lexically_normal().string();
    while (options.state_directory.ends_with('/')) options.state_directory.pop_back();
    options.threads = options_->threads;
    for (const std::string& text : options_->from) options.from.push_back(TRY(parse_rebuild_source(text)));
    TRY(read_recovery_key(files, console, options_->recovery_key, options_->passphrase_file, options));
    return rebuild_catalog(files, entropy, clock.now(), open, std::move(options));
  };
  const auto report = rebuild();
  if (!report) return report_error(console, report.error());
  show_warnings(console, report->warnings);
  console.out(show(*report, format));
  console.err(fmt::format("next: holdfast-coordinator --state {}\n", options_->state));
  if (report->unread.empty()) return ExitCode::done;
  console.err("when the store can be read again: holdfast-coordinator catalog check\n");
  return ExitCode::done_in_part;
}

}  // namespace holdfast
