#pragma once
// A coordinator's core on a catalog in memory, and hosts that say what agents say. Rules are tested with these verbs.
#include <gtest/gtest.h>

#include "coordinator/catalog/memory_store.h"
#include "coordinator/core/core.h"
#include "coordinator/core/state.h"

namespace holdfast {

// The same bytes for the same seed.
class SeededEntropy final : public Entropy {
 public:
  explicit SeededEntropy(std::uint64_t seed) : state_(seed * 2 + 1) {}
  void fill(std::span<std::uint8_t> bytes) override;
  std::uint64_t below(std::uint64_t limit);

 private:
  std::uint64_t next();
  std::uint64_t state_;
};

// A host with its keys; it knows what it was told.
struct Host {
  std::string hostname;
  CurveKeyPair curve;
  SignKeyPair signer;
  BoxKeyPair recipient;
  std::string address = "10.0.0.7";
  NodeId node;  // once enrolled
  Bytes chain;
  std::uint64_t inventory_revision = 0;
  std::map<DatabaseId, EpochId> epochs;
};

inline AddStoreRequest store_request(const std::string& name, StoreKind kind, const std::string& path) {
  AddStoreRequest request;
  request.name = name;
  request.kind = kind;
  request.path = path;
  return request;
}

class FleetFixture : public ::testing::Test {
 protected:
  FleetFixture();

  MemoryStore store_;
  SeededEntropy entropy_{1};
  Timestamp now_ = Timestamp::from_micros(1'800'000'000'000'000);
  SignKeyPair root_ = make_sign_key(entropy_);
  SignKeyPair intermediate_ = make_sign_key(entropy_);
  BoxKeyPair recovery_ = make_box_key(entropy_);
  FleetId fleet_ = entropy_.id<FleetId>();
  CurveKeyPair admin_ = make_curve_key(entropy_);
  std::uint64_t epoch_ = 0;
  std::uint64_t requests_ = 0;
  std::unique_ptr<Core> core_;
  std::vector<std::string> alerts_;  // all so far
  std::vector<Work> work_;

  CoreIdentity identity();
  // A new coordinator process on the same catalog.
  void restart();
  void add_operator(const std::string& name, Role role, const CurvePublicKey& key);
  void pass(Micros time) { now_ = now_ + time; }

  // One round: applied, committed, and what was sent then.
  std::vector<Send> apply(const Event& event);
  std::vector<Send> tick() { return apply(Tick{}); }
  // Ticks and heartbeats of these hosts every `beat` for that long.
  void live(const std::vector<const Host*>& hosts, Micros time, Micros beat = std::chrono::seconds(60));
  std::vector<Send> say(const Host& host, MessageBody body, Door door = Door::fleet);

  // ---- operators
  OperatorReplyBody ask(OperatorBody body) { return ask(admin_.public_key, std::move(body)); }
  OperatorReplyBody ask(const CurvePublicKey& key, OperatorBody body);
  // The answer, which must be of this kind.
  template <class Reply>
  Reply expect(OperatorBody body) {
    auto answer = ask(std::move(body));
    if (const auto* refused = std::get_if<Refused>(&answer)) ADD_FAILURE() << refused->message;
    if (!std::holds_alternative<Reply>(answer)) {
      ADD_FAILURE() << "another kind of answer";
      return {};
    }
    return std::get<Reply>(std::move(answer));
  }
  Refused refusal(OperatorBody body);
  ListReply list(Listing what);
  TokenReply make_token(const Labels& labels = {{"env", "prod"}}, std::uint32_t uses = 10,
                        Approval approval = Approval::automatic);
  void add_store(const std::string& name = "local");
  void apply_policy(Policy policy);

  // ---- hosts
  Host make_host(const std::string& hostname);
  // The last answer of the exchange with a token's text.
  MessageBody enrol(Host& host, const std::string& token);
  EnrolProof make_proof(const Host& host, const std::string& token, const EnrolHello& hello,
                        const EnrolChallenge& challenge);
  // Enrolled with a fresh token and greeted.
  Host join(const std::string& hostname, const Labels& labels = {{"env", "prod"}});
  std::vector<Send> hello(const Host& host);
  std::vector<Send> inventory(Host& host, std::vector<FoundDatabase> found);

  // ---- databases and backups
  static FoundDatabase postgres(const std::string& path, std::uint64_t system, std::uint32_t timeline = 1);
  static FoundDatabase standby(const std::string& path, std::uint64_t system);
  static FoundDatabase sqlite(const std::string& path);
  Database database(const std::string& name);
  // Reports a data key of the database as this host's.
  EpochId report_epoch(Host& host, DatabaseId database);
  struct Stretch {
    Lsn start{100};
    Lsn stop{200};
    Timeline timeline{1};
  };
  // A report of a complete backup with a signed record, not yet said.
  JobReport complete_backup(Host& host, DatabaseId database, JobId job, BackupId backup, Stretch stretch,
                            const std::vector<std::string>& needed_packs = {}, BackupType type = BackupType::full);
  // The agent took it by itself and it was accepted.
  BackupId take_backup(Host& host, DatabaseId database, Stretch stretch);
  // The same, of an incremental one that still needs these packs.
  BackupId take_incremental(Host& host, DatabaseId database, Stretch stretch, const std::vector<std::string>& packs);
  // The same, of a full one that went on from one that was cut off.
  BackupId take_resumed(Host& host, DatabaseId database, Stretch stretch, const std::vector<std::string>& packs);
  void ship(const Host& host, DatabaseId database, Timeline timeline, Lsn first, Lsn durable, Timestamp from,
            Timestamp through);
};

template <class Body>
const Body* find_body(const std::vector<Send>& sends) {
  for (const Send& sent : sends) {
    if (const auto* body = std::get_if<Body>(&sent.message.body)) return body;
  }
  return nullptr;
}
template <class Body>
std::size_t count_bodies(const std::vector<Send>& sends) {
  std::size_t count = 0;
  for (const Send& sent : sends) count += std::holds_alternative<Body>(sent.message.body) ? 1 : 0;
  return count;
}

}  // namespace holdfast
