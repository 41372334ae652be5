#pragma once
// Threads that carry out what sessions are asked: each session's messages one after the other, different sessions at
// the same time. The bytes that wait are bounded.
#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "agent/vault/vault_session.h"

namespace holdfast {

class SessionPool {
 public:
  // `bytes_limit`: of content that waits, of all sessions together.
  SessionPool(std::size_t threads, std::uint64_t bytes_limit);
  // Finishes the messages in hand and no more.
  ~SessionPool();
  SessionPool(const SessionPool&) = delete;
  SessionPool& operator=(const SessionPool&) = delete;

  // A session and what waits for it.
  class Member;
  static std::shared_ptr<Member> add(std::unique_ptr<VaultSession> session);
  // Code::exhausted: more waits than a peer that keeps to the protocol could have sent.
  Result<> give(const std::shared_ptr<Member>& member, VaultMessage message, Bytes content);
  // Whether something waits or is being carried out.
  static bool busy(const Member& member);
  // Refused by their grants since the last question.
  static std::uint64_t take_denials(Member& member);

 private:
  void run();

  const std::uint64_t bytes_limit_;
  std::atomic<std::uint64_t> bytes_waiting_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Member>> ready_;  // guarded by mutex_
  bool stopping_ = false;                      // guarded by mutex_
  std::vector<std::thread> threads_;           // last: they run when the rest is there
};

}  // namespace holdfast
