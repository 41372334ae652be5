#pragma once
// A program of ours or anybody's, running beside the test, with its output in a file.
#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

namespace holdfast {

class ChildProcess {
 public:
  // Starts it; both outputs go to `log`, appended. Aborts the test program when it cannot be started.
  static ChildProcess start(const std::vector<std::string>& arguments, const std::string& log,
                            const std::vector<std::string>& environment = {});
  ChildProcess() = default;
  ChildProcess(ChildProcess&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();  // SIGKILL

  bool running();
  pid_t pid() const { return pid_; }
  void signal(int number);
  void kill_hard();  // SIGKILL, waits
  // SIGTERM, waits; its exit code, 128 + signal when it was killed, -1 when it does not end within a minute.
  int stop();
  // Waits for it to end by itself, a minute at most; as stop().
  int wait();

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}
  pid_t pid_ = -1;
};

}  // namespace holdfast
