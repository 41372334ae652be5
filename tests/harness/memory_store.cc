#include "tests/harness/memory_store.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast {
namespace {
std::unexpected<Error> absent(const std::string& name) {
  return fail(Code::not_found, fmt::format("there is no \"{}\" in memory store", name));
}
}  // namespace

Result<> MemoryStore::put(const std::string& name, ByteView content) {
  TRY(check_object_name(name));
  return objects_.with([&](auto& objects) -> Result<> {
    const auto [at, added] = objects.try_emplace(name, to_bytes(content));
    if (!added && !std::ranges::equal(at->second, content)) {
      return fail(Code::already_exists,
                  fmt::format("put \"{}\" in memory store: the name is taken by other content", name));
    }
    return {};
  });
}

Result<Bytes> MemoryStore::get(const std::string& name) {
  TRY(check_object_name(name));
  return objects_.with([&](const auto& objects) -> Result<Bytes> {
    const auto found = objects.find(name);
    if (found == objects.end()) return absent(name);
    return found->second;
  });
}

Result<Bytes> MemoryStore::get_range(const std::string& name, std::uint64_t offset, std::uint64_t length) {
  TRY(check_object_name(name));
  return objects_.with([&](const auto& objects) -> Result<Bytes> {
    const auto found = objects.find(name);
    if (found == objects.end()) return absent(name);
    const Bytes& content = found->second;
    if (offset > content.size() || length > content.size() - offset) {
      return fail(Code::corrupt, fmt::format("\"{}\" in memory store ends before byte {}", name, offset + length));
    }
    return to_bytes(ByteView(content).subspan(offset, length));
  });
}

Result<std::optional<ObjectInfo>> MemoryStore::stat(const std::string& name) {
  TRY(check_object_name(name));
  return objects_.with([&](const auto& objects) -> Result<std::optional<ObjectInfo>> {
    const auto found = objects.find(name);
    if (found == objects.end()) return std::nullopt;
    return ObjectInfo{name, found->second.size()};
  });
}

Result<std::vector<ObjectInfo>> MemoryStore::list(const std::string& prefix) {
  return objects_.with([&](const auto& objects) -> Result<std::vector<ObjectInfo>> {
    std::vector<ObjectInfo> found;
    for (auto at = objects.lower_bound(prefix); at != objects.end() && at->first.starts_with(prefix); ++at) {
      found.push_back({at->first, at->second.size()});
    }
    return found;
  });
}

Result<std::vector<std::string>> MemoryStore::list_parts(const std::string& prefix) {
  if (!prefix.empty() && !prefix.ends_with('/')) {
    return fail(Code::invalid, fmt::format("\"{}\" does not end with \"/\"", prefix));
  }
  std::vector<std::string> parts;
  for (const ObjectInfo& object : TRY(list(prefix))) {
    const std::string rest = object.name.substr(prefix.size());
    const auto slash = rest.find('/');
    parts.push_back(slash == std::string::npos ? rest : rest.substr(0, slash + 1));
  }
  std::ranges::sort(parts);
  parts.erase(std::ranges::unique(parts).begin(), parts.end());
  return parts;
}

Result<> MemoryStore::remove(const std::string& name) {
  TRY(check_object_name(name));
  objects_.with([&](auto& objects) { objects.erase(name); });
  return {};
}

void MemoryStore::overwrite(const std::string& name, Bytes content) {
  objects_.with([&](auto& objects) { objects.insert_or_assign(name, std::move(content)); });
}

}  // namespace holdfast
