#include "coordinator/shell/checkpoint_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordinator/catalog/rows.h"
#include "shared/repository/checkpoint.h"

namespace holdfast {
namespace {

constexpr Micros again_without_any = std::chrono::seconds(30);

bool is_ours(const CheckpointIdentity& identity, Store& store, const ObjectInfo& object, const CheckpointName& name) {
  const auto front = store.get_range(object.name, 0, std::min<std::uint64_t>(object.size, checkpoint_front_limit));
  if (!front) return false;
  const auto header = verify_checkpoint_header(*front, identity.fleet, identity.root);
  return header && header->coordinator_epoch == name.coordinator_epoch && header->sequence == name.sequence;
}

Result<Bytes> make_checkpoint(const CheckpointIdentity& identity, KeyValueStore& catalog, std::uint64_t sequence,
                              Timestamp now, Entropy& entropy) {
  Bytes plain = encode_checkpoint_content(TRY(collect_checkpoint(catalog, identity.files)));
  CheckpointHeader header;
  header.fleet = identity.fleet;
  header.coordinator_epoch = identity.epoch;
  header.sequence = sequence;
  header.made_at = now;
  auto object = encode_checkpoint(std::move(header), plain, identity.recovery, identity.intermediate_certificate,
                                  identity.intermediate, entropy);
  sodium_memzero(plain.data(), plain.size());
  return object;
}

}  // namespace

Result<std::vector<CheckpointOutcome>> write_checkpoint(const CheckpointIdentity& identity, KeyValueStore& catalog,
                                                        std::uint64_t sequence, Timestamp now, const OpenStore& open,
                                                        Entropy& entropy) {
  std::vector<CheckpointOutcome> outcomes;
  const auto stores = TRY(read_rows<StoreInfo>(catalog));
  if (stores.empty()) return outcomes;
  const Bytes object = TRY(make_checkpoint(identity, catalog, sequence, now, entropy));
  const std::string name = checkpoint_name(identity.epoch, sequence);
  for (const StoreInfo& info : stores) {
    CheckpointOutcome& outcome = outcomes.emplace_back();
    outcome.store = info.name;
    const auto store = open(info);
    const Result<> put = store ? (*store)->put(name, object) : std::unexpected(store.error());
    if (!put) {
      outcome.not_taken = put.error();
      continue;
    }
    if (const auto tidied = remove_old_checkpoints(identity, **store); !tidied) outcome.not_tidied = tidied.error();
  }
  return outcomes;
}

Result<> remove_old_checkpoints(const CheckpointIdentity& identity, Store& store) {
  auto objects = TRY(store.list(checkpoint_prefix()));
  std::ranges::reverse(objects);  // the newest first
  std::size_t newer = 0;
  for (const ObjectInfo& object : objects) {
    const auto name = parse_checkpoint_name(object.name);
    if (!name || !is_ours(identity, store, object, *name)) continue;
    if (++newer > checkpoints_kept) TRY(store.remove(object.name));
  }
  return {};
}

CheckpointWriter::CheckpointWriter(CheckpointWriterParts parts) : parts_(std::move(parts)) {
  due_ = std::chrono::steady_clock::now() + parts_.soon;
  thread_ = std::thread([this] { run(); });
}

CheckpointWriter::~CheckpointWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void CheckpointWriter::changed(CheckpointUrgency urgency) {
  if (urgency == CheckpointUrgency::none) return;
  const Micros wait = urgency == CheckpointUrgency::soon ? std::min(parts_.soon, parts_.every) : parts_.every;
  {
    const std::lock_guard lock(mutex_);
    const Moment due = std::chrono::steady_clock::now() + wait;
    if (due_ && *due_ <= due) return;
    due_ = due;
  }
  wake_.notify_all();
}

void CheckpointWriter::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      while (!stopping_ && (!due_ || std::chrono::steady_clock::now() < *due_)) {
        // A copy: it may change while we wait.
        if (const auto due = due_) {
          wake_.wait_until(lock, *due);
        } else {
          wake_.wait(lock);
        }
      }
      if (stopping_) return;
      due_.reset();  // what is committed from here on is news again
    }
    write();
  }
}

void CheckpointWriter::write() {
  const auto catalog = parts_.snapshot();
  ++sequence_;
  const auto outcomes =
      write_checkpoint(parts_.identity, *catalog, sequence_, parts_.clock.now(), parts_.open, parts_.entropy);
  if (!outcomes) {
    parts_.log.warning("no checkpoint was made", {{"error", outcomes.error().text()}});
    return look_again(again_without_any);
  }
  std::size_t taken = 0;
  for (const CheckpointOutcome& outcome : *outcomes) {
    if (!outcome.not_taken) ++taken;
    tell(outcome);
  }
  // Sooner only when there is none: the others would soon keep nothing but these.
  if (taken < outcomes->size()) look_again(taken == 0 ? again_without_any : parts_.every);
}

// Once, and again when it changes: a store that this host does not have would fill the log.
void CheckpointWriter::tell(const CheckpointOutcome& outcome) {
  const Error* error = outcome.not_taken ? &*outcome.not_taken : outcome.not_tidied ? &*outcome.not_tidied : nullptr;
  const std::string_view what = outcome.not_taken    ? "a store did not take the checkpoint"
                                : outcome.not_tidied ? "old checkpoints could not be removed"
                                                     : "a store takes checkpoints again";
  // The texts name the object, which is another one each time.
  const std::string now = error == nullptr ? "" : fmt::format("{}: {}", what, to_string(error->code));
  std::string& before = told_[outcome.store];
  if (now == before) return;
  before = now;
  if (error == nullptr) return parts_.log.info(what, {{"store", outcome.store}});
  parts_.log.warning(what, {{"store", outcome.store}, {"error", error->text()}});
}

void CheckpointWriter::look_again(Micros wait) {
  const std::lock_guard lock(mutex_);
  const Moment again = std::chrono::steady_clock::now() + std::min(parts_.every, wait);
  if (!due_ || again < *due_) due_ = again;
}

}  // namespace holdfast
