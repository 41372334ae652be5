#pragma once
// A VFS in front of SQLite's own that remembers the bytes of the database page that was read last, from the database
// file or from its WAL.
//
// Why: sqlite3_backup copies every page as it is except the first, whose counters it sets anew in the copy. The page as
// it was can only be seen where SQLite reads it, because the locks forbid opening the file a second time and the
// newest version of the page may lie anywhere in the WAL.
#include <memory>
#include <string>

#include "shared/base/bytes.h"
#include "shared/base/result.h"

namespace holdfast {

// Must outlive every connection that was opened with its name. One thread.
class PageCapture {
 public:
  static Result<PageCapture> install();
  ~PageCapture();
  PageCapture(PageCapture&&) noexcept;
  PageCapture& operator=(PageCapture&&) = delete;
  PageCapture(const PageCapture&) = delete;
  PageCapture& operator=(const PageCapture&) = delete;

  const std::string& vfs_name() const;
  // The last page that came whole; empty when none did.
  const Bytes& last_page() const;
  // Stops remembering, so that a copy of everything else costs nothing more.
  void disarm();

  struct State;

 private:
  explicit PageCapture(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace holdfast
