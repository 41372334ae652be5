#include "agent/sqlite/page_capture.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cstring>

#include "shared/sqlite/connection.h"

namespace holdfast {

struct PageCapture::State {
  sqlite3_vfs vfs{};
  sqlite3_vfs* real = nullptr;
  std::string name;
  Bytes last_page;
  bool armed = true;
};

namespace {

// SQLite allocates szOsFile bytes for each file; the real VFS's file follows ours in them.
struct CapturingFile {
  sqlite3_file base;
  PageCapture::State* state;
  int flags;  // SQLITE_OPEN_MAIN_DB, SQLITE_OPEN_WAL ...
};
constexpr std::size_t real_file_offset = (sizeof(CapturingFile) + 15U) / 16U * 16U;
constexpr int smallest_page = 512;

CapturingFile* ours(sqlite3_file* file) {
  return reinterpret_cast<CapturingFile*>(file);
}
sqlite3_file* real(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(file) + real_file_offset);
}
sqlite3_vfs* real(sqlite3_vfs* vfs) {
  return static_cast<PageCapture::State*>(vfs->pAppData)->real;
}

int file_close(sqlite3_file* f) {
  return real(f)->pMethods->xClose(real(f));
}

int file_read(sqlite3_file* f, void* into, int amount, sqlite3_int64 offset) {
  const int code = real(f)->pMethods->xRead(real(f), into, amount, offset);
  PageCapture::State& state = *ours(f)->state;
  if (code != SQLITE_OK || !state.armed || amount < smallest_page) return code;
  // A frame's page is read without the frame's header: its size tells it from everything else in the WAL but a
  // recovery's reads, which come before any page is asked for.
  const bool first_page_of_file = (ours(f)->flags & SQLITE_OPEN_MAIN_DB) != 0 && offset == 0;
  if (first_page_of_file || (ours(f)->flags & SQLITE_OPEN_WAL) != 0) {
    const auto* bytes = static_cast<const std::uint8_t*>(into);
    state.last_page.assign(bytes, bytes + amount);
  }
  return code;
}

int file_write(sqlite3_file* f, const void* from, int amount, sqlite3_int64 offset) {
  return real(f)->pMethods->xWrite(real(f), from, amount, offset);
}
int file_truncate(sqlite3_file* f, sqlite3_int64 size) {
  return real(f)->pMethods->xTruncate(real(f), size);
}
int file_sync(sqlite3_file* f, int flags) {
  return real(f)->pMethods->xSync(real(f), flags);
}
int file_size(sqlite3_file* f, sqlite3_int64* size) {
  return real(f)->pMethods->xFileSize(real(f), size);
}
int file_lock(sqlite3_file* f, int level) {
  return real(f)->pMethods->xLock(real(f), level);
}
int file_unlock(sqlite3_file* f, int level) {
  return real(f)->pMethods->xUnlock(real(f), level);
}
int file_check_lock(sqlite3_file* f, int* out) {
  return real(f)->pMethods->xCheckReservedLock(real(f), out);
}
int file_control(sqlite3_file* f, int op, void* arg) {
  return real(f)->pMethods->xFileControl(real(f), op, arg);
}
int file_sector_size(sqlite3_file* f) {
  return real(f)->pMethods->xSectorSize(real(f));
}
int file_device(sqlite3_file* f) {
  return real(f)->pMethods->xDeviceCharacteristics(real(f));
}
int shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
  return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
}
int shm_lock(sqlite3_file* f, int offset, int count, int flags) {
  return real(f)->pMethods->xShmLock(real(f), offset, count, flags);
}
void shm_barrier(sqlite3_file* f) {
  real(f)->pMethods->xShmBarrier(real(f));
}
int shm_unmap(sqlite3_file* f, int remove) {
  return real(f)->pMethods->xShmUnmap(real(f), remove);
}

// Version 2: without xFetch, so that no page is read through a memory map behind our back.
const sqlite3_io_methods capturing_methods{
    2,         file_close,  file_read,       file_write,   file_truncate,    file_sync,   file_size,
    file_lock, file_unlock, file_check_lock, file_control, file_sector_size, file_device, shm_map,
    shm_lock,  shm_barrier, shm_unmap,       nullptr,      nullptr};

int vfs_open(sqlite3_vfs* vfs, sqlite3_filename path, sqlite3_file* f, int flags, int* out_flags) {
  CapturingFile* file = ours(f);
  file->base.pMethods = nullptr;
  file->state = static_cast<PageCapture::State*>(vfs->pAppData);
  file->flags = flags;
  const int code = real(vfs)->xOpen(real(vfs), path, real(f), flags, out_flags);
  if (code == SQLITE_OK) file->base.pMethods = &capturing_methods;
  return code;
}
int vfs_delete(sqlite3_vfs* vfs, const char* path, int sync) {
  return real(vfs)->xDelete(real(vfs), path, sync);
}
int vfs_access(sqlite3_vfs* vfs, const char* path, int flags, int* out) {
  return real(vfs)->xAccess(real(vfs), path, flags, out);
}
int vfs_full_path(sqlite3_vfs* vfs, const char* path, int size, char* out) {
  return real(vfs)->xFullPathname(real(vfs), path, size, out);
}
int vfs_randomness(sqlite3_vfs* vfs, int size, char* out) {
  return real(vfs)->xRandomness(real(vfs), size, out);
}
int vfs_sleep(sqlite3_vfs* vfs, int micros) {
  return real(vfs)->xSleep(real(vfs), micros);
}
int vfs_time(sqlite3_vfs* vfs, double* out) {
  return real(vfs)->xCurrentTime(real(vfs), out);
}
int vfs_last_error(sqlite3_vfs* vfs, int size, char* out) {
  return real(vfs)->xGetLastError(real(vfs), size, out);
}
int vfs_time64(sqlite3_vfs* vfs, sqlite3_int64* out) {
  return real(vfs)->xCurrentTimeInt64(real(vfs), out);
}

}  // namespace

PageCapture::PageCapture(std::unique_ptr<State> state) : state_(std::move(state)) {}
PageCapture::PageCapture(PageCapture&&) noexcept = default;
PageCapture::~PageCapture() {
  if (state_) sqlite3_vfs_unregister(&state_->vfs);
}

Result<PageCapture> PageCapture::install() {
  auto state = std::make_unique<State>();
  state->real = sqlite3_vfs_find(nullptr);
  if (state->real == nullptr) return fail(Code::internal, "sqlite has no file system");
  // SQLite keeps its file systems in one list by name; the address makes ours unique while it lives.
  state->name = fmt::format("holdfast-capture-{}", static_cast<const void*>(state.get()));
  sqlite3_vfs& vfs = state->vfs;
  vfs.iVersion = 2;
  vfs.szOsFile = static_cast<int>(real_file_offset) + state->real->szOsFile;
  vfs.mxPathname = state->real->mxPathname;
  vfs.zName = state->name.c_str();
  vfs.pAppData = state.get();
  vfs.xOpen = vfs_open;
  vfs.xDelete = vfs_delete;
  vfs.xAccess = vfs_access;
  vfs.xFullPathname = vfs_full_path;
  vfs.xRandomness = vfs_randomness;
  vfs.xSleep = vfs_sleep;
  vfs.xCurrentTime = vfs_time;
  vfs.xGetLastError = vfs_last_error;
  vfs.xCurrentTimeInt64 = vfs_time64;
  const int code = sqlite3_vfs_register(&vfs, 0);
  if (code != SQLITE_OK) return std::unexpected(sqlite_error(nullptr, code, "register a file system"));
  return PageCapture(std::move(state));
}

const std::string& PageCapture::vfs_name() const {
  return state_->name;
}
const Bytes& PageCapture::last_page() const {
  return state_->last_page;
}
void PageCapture::disarm() {
  state_->armed = false;
}

}  // namespace holdfast
