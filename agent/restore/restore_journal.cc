#include "agent/restore/restore_journal.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

#include "agent/postgres/server_control.h"
#include "agent/restore/incomplete_mark.h"
#include "agent/restore/owned_files.h"

namespace holdfast {
namespace {

constexpr std::uint8_t undo_version = 1;

void append_text(Bytes& to, std::string_view text) {
  append_be(to, static_cast<std::uint32_t>(text.size()));
  append(to, as_bytes(text));
}

// Reads the front of what is left.
class Reader {
 public:
  explicit Reader(ByteView bytes) : left_(bytes) {}
  Result<ByteView> bytes(std::size_t count) {
    if (left_.size() < count) return fail(Code::corrupt, "a restore's journal entry is cut short");
    const ByteView out = left_.first(count);
    left_ = left_.subspan(count);
    return out;
  }
  Result<std::uint8_t> byte() { return TRY(bytes(1))[0]; }
  Result<std::uint32_t> number() { return read_be<std::uint32_t>(TRY(bytes(4))); }
  Result<std::string> text() {
    const std::uint32_t size = TRY(number());
    return std::string(as_text(TRY(bytes(size))));
  }

 private:
  ByteView left_;
};

Result<OsUser> owner_of(const std::string& directory) {
  struct stat info {};
  if (::stat(directory.c_str(), &info) != 0) {
    return std::unexpected(error_from_errno(errno, fmt::format("stat \"{}\"", directory)));
  }
  return user_by_uid(info.st_uid);
}

bool had_begun(std::string_view step) {
  return step == restore_step::set_aside || step == restore_step::writing || step == restore_step::starting;
}

}  // namespace

Bytes encode_undo(const RestoreUndo& undo) {
  Bytes out{undo_version, static_cast<std::uint8_t>(undo.engine), static_cast<std::uint8_t>(undo.target),
            static_cast<std::uint8_t>(undo.server)};
  append(out, undo.restore.bytes());
  append_text(out, undo.path);
  append_be(out, static_cast<std::uint32_t>(undo.made.size()));
  for (const auto& path : undo.made) append_text(out, path);
  return out;
}

Result<RestoreUndo> decode_undo(ByteView bytes) {
  Reader reader(bytes);
  if (TRY(reader.byte()) != undo_version) return fail(Code::unsupported, "a restore's journal of another version");
  RestoreUndo undo;
  undo.engine = static_cast<Engine>(TRY(reader.byte()));
  undo.target = static_cast<RestoreUndo::Target>(TRY(reader.byte()));
  undo.server = static_cast<RestoreUndo::Server>(TRY(reader.byte()));
  const ByteView id = TRY(reader.bytes(RestoreId::size));
  undo.restore = TRY(RestoreId::from_bytes(id));
  undo.path = TRY(reader.text());
  const std::uint32_t count = TRY(reader.number());
  for (std::uint32_t i = 0; i < count; ++i) undo.made.push_back(TRY(reader.text()));
  return undo;
}

std::vector<AsideEntry> entries_of(const RestoreUndo& undo) {
  return undo.engine == Engine::sqlite ? sqlite_entries(undo.path, undo.restore)
                                       : data_directory_entries(undo.path, undo.restore);
}

Result<> undo_restore(const RestoreUndo& undo, const std::function<Result<>()>& stop_server,
                      const std::function<Result<>()>& start_server) {
  if (undo.engine == Engine::postgres && stop_server) TRY_DURING("stop the half restored server", stop_server());
  // Before the renames: with the old directory goes the knowledge where its tablespaces are.
  for (const auto& path : undo.made) TRY(remove_tree(path));
  TRY(put_back(entries_of(undo)));
  const bool restart = undo.engine == Engine::postgres && undo.server == RestoreUndo::Server::was_running;
  if (restart && start_server) TRY_DURING("start the old server again", start_server());
  return {};
}

Result<> leave_incomplete(const RestoreUndo& undo, const std::function<Result<>()>& stop_server) {
  // First: a server that still runs would write to what it takes for its own.
  if (stop_server) TRY_DURING("stop the half restored server", stop_server());
  return mark_incomplete(undo.path, TRY(owner_of(undo.path)));
}

Result<> leave_as_it_was(const RestoreUndo& undo, const std::function<Result<>()>& start_server) {
  TRY(clear_incomplete_mark(undo.path, TRY(owner_of(undo.path))));
  if (undo.server != RestoreUndo::Server::was_running || !start_server || running_postmaster(undo.path)) return {};
  TRY_DURING("start the server again", start_server());
  return {};
}

Result<Interrupted> recover_interrupted(std::string_view last_step, const RestoreUndo& undo,
                                        const std::function<Result<>()>& stop_server,
                                        const std::function<Result<>()>& start_server) {
  if (had_begun(last_step) && undo.target == RestoreUndo::Target::overwritten) {
    // The mark is made within this step, and nothing is overwritten before the next.
    if (last_step == restore_step::set_aside) {
      TRY(leave_as_it_was(undo, start_server));
      return Interrupted::put_back;
    }
    TRY(leave_incomplete(undo, stop_server));
    return Interrupted::incomplete;
  }
  if (had_begun(last_step)) {
    TRY(undo_restore(undo, stop_server, start_server));
    return Interrupted::put_back;
  }
  // Cut off while it stopped the server: the data is untouched, but the server is down, or is still going down, since
  // what was asked to stop it lives on without us.
  if (last_step == restore_step::stopping && undo.server == RestoreUndo::Server::was_running && start_server) {
    if (stop_server) TRY_DURING("let the server finish stopping", stop_server());
    TRY_DURING("start the server again", start_server());
    return Interrupted::put_back;
  }
  return Interrupted::untouched;
}

}  // namespace holdfast
