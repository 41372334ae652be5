#include "coordinator/cli/store_add.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>

#include "coordinator/cli/arguments.h"
#include "coordinator/cli/rehearse.h"
#include "coordinator/cli/session.h"
#include "shared/config/document.h"

namespace holdfast {
namespace {

constexpr std::chrono::seconds probe_may_take{60};
constexpr std::chrono::milliseconds look_every{200};

struct AddOptions {
  std::string name;
  std::string kind;
  std::string path;
  std::string endpoint;
  std::string bucket;
  std::string prefix;
  std::string region;
  std::string addressing;
  std::string ca_file;
  std::string credentials;
  std::string coordinator_credentials;
  std::string node;
  std::string quota;
  std::string zone;
  bool dry_run = false;
};

struct Option {
  std::string_view name;
  std::string_view kinds;  // that it belongs to
  bool required = false;
  std::string AddOptions::*value;
};
constexpr std::array<Option, 11> options_by_kind{
    {{"--path", "posix peer", true, &AddOptions::path},
     {"--node", "peer", true, &AddOptions::node},
     {"--quota", "peer", false, &AddOptions::quota},
     {"--endpoint", "s3", true, &AddOptions::endpoint},
     {"--bucket", "s3", true, &AddOptions::bucket},
     {"--prefix", "s3", false, &AddOptions::prefix},
     {"--region", "s3", false, &AddOptions::region},
     {"--addressing", "s3", false, &AddOptions::addressing},
     {"--ca-file", "s3", false, &AddOptions::ca_file},
     {"--credentials", "s3", true, &AddOptions::credentials},
     {"--coordinator-credentials", "s3", false, &AddOptions::coordinator_credentials}}};

constexpr std::string_view presigned = "presigned";

Result<> check_credentials(const AddOptions& given) {
  const bool lent = given.credentials == presigned;
  if (lent && given.coordinator_credentials.empty()) {
    return fail(Code::invalid, "--credentials presigned needs --coordinator-credentials, an access key to sign with",
                "\"env\", or a file in the AWS tools' form, mode 0600, on the coordinator only");
  }
  if (!lent && !given.coordinator_credentials.empty()) {
    return fail(Code::invalid,
                "--coordinator-credentials is for --credentials presigned; otherwise everybody has a key",
                "holdfast store add --help");
  }
  if (given.coordinator_credentials == presigned) {
    return fail(Code::invalid, "--coordinator-credentials: the coordinator signs, and needs an access key for it");
  }
  return {};
}

Result<> check_options(const AddOptions& given) {
  const std::string hint = "holdfast store add --help";
  for (const Option& option : options_by_kind) {
    const bool is_given = !(given.*option.value).empty();
    const bool belongs = option.kinds.find(given.kind) != std::string_view::npos;
    if (is_given && !belongs) {
      return fail(Code::invalid, std::string(option.name) + " is not for a store of kind " + given.kind, hint);
    }
    if (!is_given && option.required && belongs) {
      return fail(Code::invalid, std::string(option.name) + " is required for a store of kind " + given.kind, hint);
    }
  }
  TRY(check_credentials(given));
  if (!given.path.empty() && given.path.front() != '/') {
    return fail(Code::invalid, "--path: \"" + given.path + "\" is not absolute");
  }
  return {};
}

std::string absolute(const std::string& path) {
  return path.empty() ? path : std::filesystem::absolute(path).lexically_normal().string();
}

Result<std::uint64_t> quota_of(const AddOptions& given) {
  if (given.quota.empty()) return 0;
  const std::uint64_t quota = TRY_DURING("--quota", parse_byte_size(given.quota));
  if (quota == 0) return fail(Code::invalid, "--quota: nothing could be put there");
  return quota;
}

StoreKind kind_of(const AddOptions& given) {
  if (given.kind == "peer") return StoreKind::peer;
  return given.kind == "s3" ? StoreKind::s3 : StoreKind::posix;
}

AddStoreRequest request_of(const AddOptions& given) {
  AddStoreRequest request;
  request.name = given.name;
  request.kind = kind_of(given);
  request.peer_node = given.node;
  request.path = given.path;
  request.zone = given.zone;
  request.s3.endpoint = given.endpoint;
  if (!given.region.empty()) request.s3.region = given.region;
  request.s3.bucket = given.bucket;
  request.s3.prefix = given.prefix;
  if (given.addressing == "host") request.s3.addressing = S3Place::Addressing::host;
  request.s3.ca_file = absolute(given.ca_file);
  const bool lent = given.credentials == presigned;
  const std::string& credentials = lent ? given.coordinator_credentials : given.credentials;
  request.s3.credentials = credentials == "env" ? credentials : absolute(credentials);
  if (lent) request.s3.hosts = S3Place::Hosts::presigned;
  return request;
}

// The coordinator looks at a bucket as soon as it is added.
Result<ExitCode> tell_probe(Session& session, const std::string& name) {
  const Micros until = session.clock().monotonic() + probe_may_take;
  while (true) {
    const ListReply reply = TRY(session.list(listing(Listing::stores)));
    const auto store = std::ranges::find(reply.stores, name, &StoreInfo::name);
    if (store == reply.stores.end()) return fail(Code::not_found, "store \"" + name + "\" was removed meanwhile");
    if (store->state == "ok") {
      const auto can = [](Ability ability) { return ability == Ability::yes ? "yes" : "no"; };
      session.note(std::string("it works; conditional PUT: ") + can(store->abilities.conditional_put) +
                   ", object lock: " + can(store->abilities.object_lock));
      return ExitCode::done;
    }
    if (store->state != "unknown") {
      return fail(Code::unavailable, "store \"" + name + "\" was added and does not work yet: " + store->state,
                  "put it right and run: holdfast store check " + name);
    }
    if (session.clock().monotonic() >= until || session.stop().stop_requested()) {
      return fail(Code::timed_out, "store \"" + name + "\" was added; nobody has found out yet whether it works",
                  "holdfast store list");
    }
    session.clock().sleep_for(look_every);
  }
}

Result<ExitCode> add(Session& session, const AddOptions& given) {
  TRY(check_options(given));
  AddStoreRequest request = request_of(given);
  request.quota_bytes = TRY(quota_of(given));
  if (given.dry_run) return rehearse(session, {request});
  const DoneReply done = TRY(session.ask_for<DoneReply>(request));
  session.print(show_done(done.lines, session.style()));
  if (request.s3.hosts == S3Place::Hosts::presigned) {
    session.note(
        "hosts put without a condition there: a stolen one could replace what it wrote itself. Let the bucket "
        "keep versions or have a default retention where that matters.");
  }
  return request.kind == StoreKind::s3 ? tell_probe(session, given.name) : ExitCode::done;
}

}  // namespace

void add_store_add(CommandWord& noun) {
  auto given = std::make_shared<AddOptions>();
  CommandWord verb = noun.add("add", "let agents put backups there");
  verb.option("name", given->name, "what to call it").required();
  verb.option("kind", given->kind,
              "posix: a directory that every agent sees under this path; s3: a bucket; peer: a directory of one node")
      .required()
      .one_of({"posix", "s3", "peer"});
  verb.option("--path", given->path, "posix, peer: the directory").completes(Completes::directories);
  verb.option("--endpoint", given->endpoint, "s3: the server, https://HOST[:PORT]");
  verb.option("--bucket", given->bucket, "s3: its name; it must be there");
  verb.option("--prefix", given->prefix, "s3: what the names of all objects begin with");
  verb.option("--region", given->region, "s3: us-east-1 unless said otherwise");
  verb.option("--addressing", given->addressing, "s3: path (the default) or host").one_of({"path", "host"});
  verb.option("--ca-file", given->ca_file, "s3: PEM file of who signed the server's certificate, on each host")
      .completes(Completes::files);
  verb.option("--credentials", given->credentials,
              "s3: \"env\", or a file in the AWS tools' form, mode 0600, at this path on the coordinator and on each "
              "host; or "
              "\"presigned\": hosts have none, and the coordinator signs for them")
      .completes(Completes::files);
  verb.option("--coordinator-credentials", given->coordinator_credentials,
              "s3, with --credentials presigned: \"env\" or a file, on the coordinator only")
      .completes(Completes::files);
  verb.option("--node", given->node, "peer: the node that keeps it").completes(Completes::nodes);
  verb.option("--quota", given->quota, "peer: how much may lie there, like 100GB; without it, what the disk has");
  verb.option("--zone", given->zone, "where it stands; policies spread copies over zones");
  add_dry_run(verb, given->dry_run);
  verb.footer(
      "A host that owns a posix store's directory can also remove what is in it. In a bucket that is up to the rights\n"
      "of its access key: give hosts one without DeleteObject, and the coordinator one with it; or none at all, with\n"
      "--credentials presigned: then a host can add objects of its own databases, for a week without the coordinator,\n"
      "reads what it may as long as the coordinator is there, and removes nothing; but it could replace objects of "
      "its\n"
      "own, which only versions or a retention of the bucket itself prevent. What a node keeps for "
      "the\n"
      "others they can add to and not change; it is reached at the node's address, port 7410, or at its label "
      "\"vault\".");
  verb.runs([given](Session& session) { return add(session, *given); });
}

}  // namespace holdfast
