#include "shared/fleet/words.h"

namespace holdfast {

std::string_view word(Engine engine) {
  return engine == Engine::postgres ? "postgres" : "sqlite";
}

std::string_view word(JobKind kind) {
  switch (kind) {
    case JobKind::backup:
      return "backup";
    case JobKind::restore:
      return "restore";
    case JobKind::verify:
      return "verify";
    case JobKind::rollback:
      return "rollback";
    case JobKind::finalize:
      return "finalize";
    case JobKind::store_check:
      return "store-check";
    case JobKind::refresh:
      return "refresh";
    case JobKind::copy:
      return "copy";
    case JobKind::scrub:
      return "scrub";
    case JobKind::drain:
      return "drain";
    case JobKind::shutdown:
      return "shutdown";
  }
  return "unknown";
}

std::string_view word(StepOutcome outcome) {
  switch (outcome) {
    case StepOutcome::done:
      return "done";
    case StepOutcome::skipped:
      return "skipped";
    case StepOutcome::failed:
      return "failed";
  }
  return "unknown";
}

std::string_view word(Role role) {
  switch (role) {
    case Role::viewer:
      return "viewer";
    case Role::operator_:
      return "operator";
    case Role::admin:
      return "admin";
  }
  return "unknown";
}

std::string_view word(JobState state) {
  switch (state) {
    case JobState::queued:
      return "queued";
    case JobState::running:
      return "running";
    case JobState::complete:
      return "complete";
    case JobState::failed:
      return "failed";
    case JobState::cancelled:
      return "cancelled";
    case JobState::lost:
      return "lost";
  }
  return "unknown";
}

std::string place_of(const StoreInfo& store) {
  if (store.kind == StoreKind::posix) return store.path;
  if (store.kind == StoreKind::peer) return store.path + " at " + store.peer.endpoint;
  const S3Place& s3 = store.s3;
  return "s3://" + s3.bucket + (s3.prefix.empty() ? "" : "/") + s3.prefix + " at " + s3.endpoint;
}

bool is_departure(JobKind kind) {
  return kind == JobKind::drain || kind == JobKind::shutdown;
}

bool is_final(JobState state) {
  return state != JobState::queued && state != JobState::running;
}

}  // namespace holdfast
