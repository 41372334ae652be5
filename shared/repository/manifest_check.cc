#include <fmt/format.h>

#include "shared/repository/manifest.h"

namespace holdfast {
namespace {

// Below the directory it is restored into, whoever made the manifest: restores create these paths.
bool is_safe_path(std::string_view path) {
  if (path == ".") return true;
  if (path.empty() || path.size() > 4096 || path.find('\0') != std::string_view::npos) return false;
  while (true) {
    const auto slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    if (slash == std::string_view::npos) return true;
    path = path.substr(slash + 1);
  }
}

Result<> check_tables(const Manifest& manifest) {
  if (manifest.page_size == 0 || manifest.page_size > frame_plain_limit) {
    return fail(Code::invalid, fmt::format("a page size of {}", manifest.page_size));
  }
  for (std::size_t i = 0; i < manifest.frames.size(); ++i) {
    const FrameRef& frame = manifest.frames[i];
    if (frame.pack >= manifest.packs.size() || frame.plain_size == 0 || frame.plain_size > frame_plain_limit ||
        frame.stored_size <= frame_header_size || frame.end > FrameEnd::last) {
      return fail(Code::invalid, fmt::format("frame {} of the manifest makes no sense", i));
    }
  }
  return {};
}

Result<> check_extents(const Manifest& manifest, const ManifestFile& file) {
  const std::uint64_t page_size = manifest.page_size;
  const std::uint64_t file_pages = file.size / page_size + (file.size % page_size != 0 ? 1 : 0);
  std::uint64_t next_page = 0;
  for (const Extent& extent : file.extents) {
    const auto refuse = [&](std::string_view why) {
      return fail(Code::invalid, fmt::format("file \"{}\" page {}: {}", file.path, extent.first_page, why));
    };
    if (extent.first_page < next_page) return refuse("extents overlap or are out of order");
    if (extent.pages == 0) return refuse("an extent of no pages");
    if (extent.first_page >= file_pages || extent.pages > file_pages - extent.first_page) {
      return refuse("an extent after the end of the file");
    }
    next_page = extent.first_page + extent.pages;
    if (extent.frame >= manifest.frames.size()) return refuse("an extent of a frame that is not listed");
    const std::uint64_t bytes = std::min(extent.pages * page_size, file.size - extent.first_page * page_size);
    if (extent.offset + bytes > manifest.frames[extent.frame].plain_size)
      return refuse("an extent after its frame's end");
  }
  return {};
}

}  // namespace

Result<> check_manifest(const Manifest& manifest) {
  TRY(check_tables(manifest));
  const ManifestFile* before = nullptr;
  for (const ManifestFile& file : manifest.files) {
    if (!is_safe_path(file.path))
      return fail(Code::invalid, fmt::format("\"{}\" is not a path below a database", file.path));
    if (before != nullptr && before->path >= file.path) {
      return fail(Code::invalid, fmt::format("file \"{}\" is not in its place", file.path));
    }
    before = &file;
    if (file.kind > EntryKind::link) return fail(Code::invalid, fmt::format("\"{}\" is of an unknown kind", file.path));
    if (file.kind != EntryKind::file && !file.extents.empty()) {
      return fail(Code::invalid, fmt::format("\"{}\" has content and is not a file", file.path));
    }
    if ((file.kind == EntryKind::link) == file.link_target.empty()) {
      return fail(Code::invalid, fmt::format("\"{}\": only a link has a target, and each has one", file.path));
    }
    TRY(check_extents(manifest, file));
  }
  return {};
}

}  // namespace holdfast
