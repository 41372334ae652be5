#pragma once
// How far a restore has got, told to whoever keeps it durably, so that after a crash what was set aside can be put
// back.
#include <functional>
#include <string>
#include <vector>

#include "agent/restore/set_aside.h"
#include "shared/base/bytes.h"
#include "shared/fleet/kinds.h"

namespace holdfast {

// Steps in their order. What matters to undoing is whether one of set_aside to started is the last.
namespace restore_step {
constexpr std::string_view checked = "checked";               // nothing was touched yet
constexpr std::string_view stopping = "stopping the server";  // it may be down
constexpr std::string_view set_aside = "setting aside";       // from here on the target is in our hands
constexpr std::string_view writing = "writing files";
constexpr std::string_view starting = "starting";
constexpr std::string_view complete = "complete";  // the new data stays, whatever comes
constexpr std::string_view undone = "put back";
constexpr std::string_view incomplete = "left incomplete";  // overwritten in part, marked, nothing to put back
}  // namespace restore_step

// What undoing needs to know; goes with every step.
struct RestoreUndo {
  Engine engine = Engine::postgres;
  std::string path;  // data directory or file
  RestoreId restore;
  // overwritten: it is changed where it is, so from restore_step::writing on there is nothing to put back.
  enum class Target : std::uint8_t { existed, is_new, overwritten } target = Target::existed;
  enum class Server : std::uint8_t { was_down, was_running } server = Server::was_down;
  std::vector<std::string> made;  // directories that did not exist before (tablespaces, a new target)
  friend bool operator==(const RestoreUndo&, const RestoreUndo&) = default;
};
Bytes encode_undo(const RestoreUndo& undo);
Result<RestoreUndo> decode_undo(ByteView bytes);

// Durable when it returns. An error stops the restore before the step.
using RestoreJournal = std::function<Result<>(std::string_view step, const RestoreUndo& undo)>;

std::vector<AsideEntry> entries_of(const RestoreUndo& undo);
// Puts back what was set aside and removes what was made. `stop_server` and `start_server` are called for a PostgreSQL
// target when they are needed; both may be empty. Can be repeated.
Result<> undo_restore(const RestoreUndo& undo, const std::function<Result<>()>& stop_server,
                      const std::function<Result<>()>& start_server);
// For a directory that is overwritten in part: stops what runs on it and marks it (incomplete_mark), so that no server
// starts on it. The old server is never started. Can be repeated.
Result<> leave_incomplete(const RestoreUndo& undo, const std::function<Result<>()>& stop_server);
// For one that was to be overwritten and was not yet: takes the mark away and starts the server again if it ran.
Result<> leave_as_it_was(const RestoreUndo& undo, const std::function<Result<>()>& start_server);

enum class Interrupted : std::uint8_t { untouched, put_back, incomplete };
// For the agent's start: the last step a restore journalled before a crash, and what is done about it.
Result<Interrupted> recover_interrupted(std::string_view last_step, const RestoreUndo& undo,
                                        const std::function<Result<>()>& stop_server,
                                        const std::function<Result<>()>& start_server);

}  // namespace holdfast
