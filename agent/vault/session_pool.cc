#include "agent/vault/session_pool.h"

#include <optional>

namespace holdfast {
namespace {

// Chunks may be small, so their number is bounded too.
constexpr std::size_t messages_limit = 1000;

struct Waiting {
  VaultMessage message;
  Bytes content;
};

}  // namespace

class SessionPool::Member {
 public:
  explicit Member(std::unique_ptr<VaultSession> of) : session_(std::move(of)) {}

  // True: nobody looks after it, so somebody must.
  Result<bool> push(Waiting waiting) {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= messages_limit || bytes_ + waiting.content.size() > vault_window_bytes) {
      return fail(Code::exhausted, "more was sent than the vault had asked for");
    }
    bytes_ += waiting.content.size();
    waiting_.push_back(std::move(waiting));
    return !std::exchange(looked_after_, true);
  }
  // nullopt: nothing waits, and nobody looks after it any more.
  std::optional<Waiting> pop() {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) {
      looked_after_ = false;
      return std::nullopt;
    }
    Waiting out = std::move(waiting_.front());
    waiting_.pop_front();
    bytes_ -= out.content.size();
    return out;
  }
  void take(const Waiting& waiting) {
    session_->take(waiting.message, waiting.content);
    denials_ = session_->denials();
  }
  bool busy() const {
    const std::lock_guard lock(mutex_);
    return looked_after_;
  }
  std::uint64_t take_denials() {
    const std::uint64_t all = denials_;
    return all - std::exchange(denials_told_, all);
  }

 private:
  const std::unique_ptr<VaultSession> session_;  // belongs to the thread that looks after it
  std::atomic<std::uint64_t> denials_{0};
  std::uint64_t denials_told_ = 0;  // of the thread that asks
  mutable std::mutex mutex_;
  std::deque<Waiting> waiting_;  // guarded by mutex_, as what follows
  std::uint64_t bytes_ = 0;
  bool looked_after_ = false;
};

SessionPool::SessionPool(std::size_t threads, std::uint64_t bytes_limit) : bytes_limit_(bytes_limit) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

SessionPool::~SessionPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
}

std::shared_ptr<SessionPool::Member> SessionPool::add(std::unique_ptr<VaultSession> session) {
  return std::make_shared<Member>(std::move(session));
}

bool SessionPool::busy(const Member& member) {
  return member.busy();
}

std::uint64_t SessionPool::take_denials(Member& member) {
  return member.take_denials();
}

Result<> SessionPool::give(const std::shared_ptr<Member>& member, VaultMessage message, Bytes content) {
  const std::uint64_t size = content.size();
  if (bytes_waiting_.fetch_add(size) + size > bytes_limit_) {
    bytes_waiting_.fetch_sub(size);
    return fail(Code::exhausted, "more waits for the vault than it may hold");
  }
  auto idle = member->push({std::move(message), std::move(content)});
  if (!idle) {
    bytes_waiting_.fetch_sub(size);
    return std::unexpected(std::move(idle).error());
  }
  if (!*idle) return {};
  {
    const std::lock_guard lock(mutex_);
    ready_.push_back(member);
  }
  changed_.notify_one();
  return {};
}

// One message of a member, then it queues up again: nobody waits for another's whole transfer.
void SessionPool::run() {
  for (;;) {
    std::shared_ptr<Member> member;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !ready_.empty(); });
      if (stopping_) return;
      member = std::move(ready_.front());
      ready_.pop_front();
    }
    const auto next = member->pop();
    if (!next) continue;
    bytes_waiting_.fetch_sub(next->content.size());
    member->take(*next);
    {
      const std::lock_guard lock(mutex_);
      ready_.push_back(std::move(member));
    }
    changed_.notify_one();
  }
}

}  // namespace holdfast
