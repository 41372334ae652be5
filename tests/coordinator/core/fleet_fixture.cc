#include "tests/coordinator/core/fleet_fixture.h"

#include <algorithm>

#include "coordinator/catalog/migrations.h"
#include "shared/identity/token.h"
#include "shared/repository/layout.h"
#include "shared/repository/record.h"

namespace holdfast {

std::uint64_t SeededEntropy::next() {
  state_ += 0x9e3779b97f4a7c15U;  // splitmix64
  std::uint64_t z = state_;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}
void SeededEntropy::fill(std::span<std::uint8_t> bytes) {
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(next());
}
std::uint64_t SeededEntropy::below(std::uint64_t limit) {
  return next() % limit;
}

FleetFixture::FleetFixture() {
  epoch_ = *store_.begin_epoch();
  EXPECT_TRUE(migrate(store_, epoch_, all_migrations()));
  add_operator("ann", Role::admin, admin_.public_key);
  EXPECT_TRUE(store_.commit({put_row(default_policy())}, epoch_));
  restart();
}

CoreIdentity FleetFixture::identity() {
  CoreIdentity identity;
  identity.fleet = fleet_;
  identity.fleet_name = "demo";
  identity.root = root_.public_key;
  identity.recovery = recovery_.public_key;
  identity.fleet_record = Bytes{1, 2, 3};
  identity.intermediate_certificate =
      issue_intermediate(root_, {fleet_, intermediate_.public_key, now_, now_ + std::chrono::hours(24 * 3650)});
  identity.intermediate = {intermediate_.public_key, intermediate_.secret_key.clone()};
  identity.enrol_endpoints = {"tcp://hub:7401"};
  identity.fleet_endpoints = {"tcp://hub:7400"};
  identity.epoch = epoch_;
  identity.version = "0.1.0";
  return identity;
}

void FleetFixture::restart() {
  core_.reset();
  epoch_ = *store_.begin_epoch();
  auto loaded = Core::load(store_, identity(), entropy_, now_);
  ASSERT_TRUE(loaded) << loaded.error().text();
  core_ = *std::move(loaded);
}

void FleetFixture::add_operator(const std::string& name, Role role, const CurvePublicKey& key) {
  Operator who;
  who.id = entropy_.id<OperatorId>();
  who.name = name;
  who.role = role;
  who.curve = key;
  ASSERT_TRUE(store_.commit({put_row(who)}, epoch_));
}

std::vector<Send> FleetFixture::apply(const Event& event) {
  Effects effects = core_->apply(event, now_);
  EXPECT_TRUE(store_.commit(effects.changes, epoch_));
  alerts_.insert(alerts_.end(), effects.alerts.begin(), effects.alerts.end());
  work_.insert(work_.end(), effects.work.begin(), effects.work.end());
  return std::move(effects.sends);
}

void FleetFixture::live(const std::vector<const Host*>& hosts, Micros time, Micros beat) {
  const Timestamp until = now_ + time;
  while (now_ < until) {
    pass(beat);
    Heartbeat heartbeat;
    heartbeat.clock = now_;
    for (const Host* host : hosts) say(*host, heartbeat);
    tick();
  }
}

std::vector<Send> FleetFixture::say(const Host& host, MessageBody body, Door door) {
  MessageCame came;
  came.door = door;
  came.peer = host.curve.public_key;
  came.address = host.address;
  came.message.id = ++requests_;
  came.message.body = std::move(body);
  return apply(came);
}

OperatorReplyBody FleetFixture::ask(const CurvePublicKey& key, OperatorBody body) {
  MessageCame came;
  came.peer = key;
  came.message.id = ++requests_;
  came.message.body = OperatorRequest{protocol_min, protocol_max, std::move(body)};
  const auto sends = apply(came);
  for (const Send& sent : sends) {
    if (sent.message.in_reply_to == came.message.id) return std::get<OperatorReply>(sent.message.body).body;
  }
  return Refused{Code::unavailable, "no answer", ""};
}

Refused FleetFixture::refusal(OperatorBody body) {
  auto answer = ask(std::move(body));
  if (!std::holds_alternative<Refused>(answer)) {
    ADD_FAILURE() << "it was not refused";
    return {};
  }
  return std::get<Refused>(answer);
}

ListReply FleetFixture::list(Listing what) {
  ListRequest request;
  request.what = what;
  return expect<ListReply>(request);
}

TokenReply FleetFixture::make_token(const Labels& labels, std::uint32_t uses, Approval approval) {
  CreateTokenRequest request;
  request.labels = labels;
  request.uses = uses;
  request.approval = approval;
  return expect<TokenReply>(request);
}

void FleetFixture::add_store(const std::string& name) {
  expect<DoneReply>(store_request(name, StoreKind::posix, "/srv/" + name));
}

void FleetFixture::apply_policy(Policy policy) {
  ApplyPolicyRequest request;
  request.policy = std::move(policy);
  expect<PolicyReply>(request);
}

Host FleetFixture::make_host(const std::string& hostname) {
  Host host;
  host.hostname = hostname;
  host.curve = make_curve_key(entropy_);
  host.signer = make_sign_key(entropy_);
  host.recipient = make_box_key(entropy_);
  return host;
}

EnrolProof FleetFixture::make_proof(const Host& host, const std::string& token, const EnrolHello& hello,
                                    const EnrolChallenge& challenge) {
  const auto text = decode_token(token);
  EXPECT_TRUE(text);
  EnrolProof proof;
  proof.token = hello.token;
  proof.client_nonce = hello.nonce;
  proof.server_nonce = challenge.nonce;
  proof.signer = host.signer.public_key;
  proof.recipient = host.recipient.public_key;
  proof.facts.hostname = host.hostname;
  EnrolmentTranscript transcript;
  transcript.token = proof.token;
  transcript.client_nonce = proof.client_nonce;
  transcript.server_nonce = proof.server_nonce;
  transcript.curve = host.curve.public_key;
  transcript.signer = proof.signer;
  transcript.recipient = proof.recipient;
  transcript.facts = encode_facts({host.hostname, "", "", "", ""});
  proof.mac = enrolment_mac(token_verifier(text->id, text->secret), transcript);
  return proof;
}

MessageBody FleetFixture::enrol(Host& host, const std::string& token) {
  EnrolHello hello;
  hello.token = decode_token(token)->id;
  hello.nonce = entropy_.bytes<32>();
  auto sends = say(host, hello, Door::enrol);
  const auto* challenge = find_body<EnrolChallenge>(sends);
  if (challenge == nullptr) return sends.at(0).message.body;
  sends = say(host, make_proof(host, token, hello, *challenge), Door::enrol);
  if (const auto* enrolled = find_body<Enrolled>(sends)) {
    host.node = enrolled->node;
    host.chain = enrolled->chain;
  }
  return sends.at(0).message.body;
}

Host FleetFixture::join(const std::string& hostname, const Labels& labels) {
  Host host = make_host(hostname);
  EXPECT_TRUE(std::holds_alternative<Enrolled>(enrol(host, make_token(labels, 1).text)));
  hello(host);
  return host;
}

std::vector<Send> FleetFixture::hello(const Host& host) {
  Hello greeting;
  greeting.clock = now_;
  greeting.facts.hostname = host.hostname;
  return say(host, greeting);
}

std::vector<Send> FleetFixture::inventory(Host& host, std::vector<FoundDatabase> found) {
  return say(host, Inventory{++host.inventory_revision, std::move(found)});
}

FoundDatabase FleetFixture::postgres(const std::string& path, std::uint64_t system, std::uint32_t timeline) {
  FoundDatabase found;
  found.key = "postgres:" + path;
  found.path = path;
  found.version = "15.18";
  found.system_id = SystemId(system);
  found.timeline = Timeline(timeline);
  return found;
}
FoundDatabase FleetFixture::standby(const std::string& path, std::uint64_t system) {
  FoundDatabase found = postgres(path, system);
  found.standby = true;
  return found;
}
FoundDatabase FleetFixture::sqlite(const std::string& path) {
  FoundDatabase found;
  found.key = "sqlite:" + path;
  found.path = path;
  found.engine = Engine::sqlite;
  return found;
}

Database FleetFixture::database(const std::string& name) {
  for (const auto& view : list(Listing::databases).databases) {
    if (view.database.name == name) return view.database;
  }
  ADD_FAILURE() << "no database " << name;
  return {};
}

EpochId FleetFixture::report_epoch(Host& host, DatabaseId database) {
  const auto made = make_epoch(entropy_, fleet_, database, host.node, {{"recovery", recovery_.public_key}},
                               *CertificateChain::decode(host.chain), host.signer, now_);
  EXPECT_TRUE(made) << made.error().text();
  const EpochId id = made->document.epoch;
  EpochInfo info;
  info.database = database;
  info.id = id;
  info.object = made->object;
  EXPECT_NE(find_body<EpochReportAck>(say(host, EpochReport{info})), nullptr);
  host.epochs[database] = id;
  return id;
}

JobReport FleetFixture::complete_backup(Host& host, DatabaseId database, JobId job, BackupId backup, Stretch stretch,
                                        const std::vector<std::string>& needed_packs, BackupType type) {
  BackupRecord record;
  record.fleet = fleet_;
  record.database = database;
  record.node = host.node;
  record.backup = backup;
  record.job = job;
  record.start_lsn = stretch.start;
  record.stop_lsn = stretch.stop;
  record.timeline = stretch.timeline;
  record.started_at = now_ - std::chrono::seconds(10);
  record.finished_at = now_;
  record.epoch = host.epochs[database];
  record.needed_epochs = {record.epoch};
  record.stored_bytes = ByteCount(1000);
  record.objects = {{pack_name(database, backup, 0), 900, {}}, {manifest_name(database, backup), 100, {}}};
  for (const auto& pack : needed_packs) record.needed_packs.push_back({{pack, 900, {}}, 500});
  record.type = type;

  JobReport report;
  report.sequence = 5;
  report.job.id = job;
  report.job.kind = JobKind::backup;
  report.job.state = JobState::complete;
  report.job.database = database;
  report.job.backup = backup;
  report.job.created_at = record.started_at;
  report.job.finished_at = now_;
  Backup row;
  row.id = backup;
  row.database = database;
  row.node = host.node;
  row.job = job;
  row.state = BackupState::complete;
  row.epoch = record.epoch;
  row.copies = {{"local", "ok"}};
  row.record = encode_record(record, host.signer);
  report.backup = row;
  return report;
}

BackupId FleetFixture::take_backup(Host& host, DatabaseId database, Stretch stretch) {
  if (!host.epochs.contains(database)) report_epoch(host, database);
  const auto backup = entropy_.id<BackupId>();
  const auto sends = say(host, complete_backup(host, database, entropy_.id<JobId>(), backup, stretch));
  EXPECT_NE(find_body<JobReportAck>(sends), nullptr);
  return backup;
}

BackupId FleetFixture::take_incremental(Host& host, DatabaseId database, Stretch stretch,
                                        const std::vector<std::string>& packs) {
  const auto backup = entropy_.id<BackupId>();
  say(host, complete_backup(host, database, entropy_.id<JobId>(), backup, stretch, packs, BackupType::incremental));
  return backup;
}

BackupId FleetFixture::take_resumed(Host& host, DatabaseId database, Stretch stretch,
                                    const std::vector<std::string>& packs) {
  const auto backup = entropy_.id<BackupId>();
  say(host, complete_backup(host, database, entropy_.id<JobId>(), backup, stretch, packs));
  return backup;
}

void FleetFixture::ship(const Host& host, DatabaseId database, Timeline timeline, Lsn first, Lsn durable,
                        Timestamp from, Timestamp through) {
  WalPosition position;
  position.database = database;
  position.timeline = timeline;
  position.first = first;
  position.durable = position.written = durable;
  position.from_time = from;
  position.through_time = through;
  position.segment_size = std::uint64_t{16} << 20U;
  Heartbeat heartbeat;
  heartbeat.clock = now_;
  heartbeat.positions = {position};
  say(host, heartbeat);
}

}  // namespace holdfast
