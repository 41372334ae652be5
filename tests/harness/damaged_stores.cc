#include "tests/harness/damaged_stores.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast {

Result<Bytes> ChangesContent::get(const std::string& name) {
  Bytes content = TRY(below().get(name));
  change(name, content);
  return content;
}

Result<Bytes> ChangesContent::get_range(const std::string& name, std::uint64_t offset, std::uint64_t length) {
  const Bytes content = TRY(get(name));
  if (offset > content.size() || length > content.size() - offset) {
    return fail(Code::corrupt, fmt::format("\"{}\" ends before byte {}", name, offset + length));
  }
  return to_bytes(ByteView(content).subspan(offset, length));
}

Result<std::optional<ObjectInfo>> ChangesContent::stat(const std::string& name) {
  auto content = get(name);
  if (content) return ObjectInfo{name, content->size()};
  if (content.error().code == Code::not_found) return std::nullopt;
  return std::unexpected(std::move(content).error());
}

void FlipsOneBit::change(const std::string& name, Bytes& content) {
  if (name != name_ || bit_ / 8 >= content.size()) return;
  content[bit_ / 8] = static_cast<std::uint8_t>(content[bit_ / 8] ^ (1U << (bit_ % 8)));
}

void CutsShort::change(const std::string& name, Bytes& content) {
  if (name == name_ && content.size() > size_) content.resize(size_);
}

const std::string& SwapsTwoObjects::other(const std::string& name) const {
  if (name == first_) return second_;
  return name == second_ ? first_ : name;
}

Result<std::optional<ObjectInfo>> SwapsTwoObjects::stat(const std::string& name) {
  auto info = TRY(below().stat(other(name)));
  if (info) info->name = name;
  return info;
}

Result<> LosesObject::lost(const std::string& name) const {
  if (name == name_) return fail(Code::not_found, fmt::format("there is no \"{}\" in {}", name, description()));
  return {};
}
Result<Bytes> LosesObject::get(const std::string& name) {
  TRY(lost(name));
  return below().get(name);
}
Result<Bytes> LosesObject::get_range(const std::string& name, std::uint64_t offset, std::uint64_t length) {
  TRY(lost(name));
  return below().get_range(name, offset, length);
}
Result<std::optional<ObjectInfo>> LosesObject::stat(const std::string& name) {
  if (name == name_) return std::nullopt;
  return below().stat(name);
}
Result<std::vector<ObjectInfo>> LosesObject::list(const std::string& prefix) {
  auto objects = TRY(below().list(prefix));
  std::erase_if(objects, [&](const ObjectInfo& object) { return object.name == name_; });
  return objects;
}

Result<> RefusesPuts::put(const std::string& name, ByteView content) {
  if (accepted_.fetch_sub(1) > 0) return below().put(name, content);
  return fail(Code::exhausted, fmt::format("put \"{}\" in {}: no space left", name, description()), "free space there");
}

Result<> Unreachable::reach(const std::string& what) const {
  if (away_ == Away::no) return {};
  return fail(Code::unavailable, fmt::format("{}: {} does not answer", what, description()));
}
Result<> Unreachable::put(const std::string& name, ByteView content) {
  TRY(reach("put \"" + name + "\""));
  return below_->put(name, content);
}
Result<Bytes> Unreachable::get(const std::string& name) {
  TRY(reach("get \"" + name + "\""));
  return below_->get(name);
}
Result<Bytes> Unreachable::get_range(const std::string& name, std::uint64_t offset, std::uint64_t length) {
  TRY(reach("get \"" + name + "\""));
  return below_->get_range(name, offset, length);
}
Result<std::optional<ObjectInfo>> Unreachable::stat(const std::string& name) {
  TRY(reach("stat \"" + name + "\""));
  return below_->stat(name);
}
Result<std::vector<ObjectInfo>> Unreachable::list(const std::string& prefix) {
  TRY(reach("list \"" + prefix + "\""));
  return below_->list(prefix);
}
Result<std::vector<std::string>> Unreachable::list_parts(const std::string& prefix) {
  TRY(reach("list \"" + prefix + "\""));
  return below_->list_parts(prefix);
}
Result<> Unreachable::remove(const std::string& name) {
  TRY(reach("remove \"" + name + "\""));
  return below_->remove(name);
}
Result<> Unreachable::check() {
  TRY(reach("check"));
  return below_->check();
}
Result<Space> Unreachable::space() {
  TRY(reach("space"));
  return below_->space();
}

Result<> Slow::put(const std::string& name, ByteView content) {
  before_(name);
  return below().put(name, content);
}
Result<Bytes> Slow::get(const std::string& name) {
  before_(name);
  return below().get(name);
}
Result<Bytes> Slow::get_range(const std::string& name, std::uint64_t offset, std::uint64_t length) {
  before_(name);
  return below().get_range(name, offset, length);
}

Result<> Forgets::put(const std::string& name, ByteView content) {
  if (which_(name)) return {};
  return below().put(name, content);
}

Result<> FlipsOnTheWayIn::put(const std::string& name, ByteView content) {
  if (!which_(name) || content.empty()) return below().put(name, content);
  Bytes changed = to_bytes(content);
  changed[changed.size() / 2] ^= 0x10;
  return below().put(name, changed);
}

Result<> AnswersTooLate::put(const std::string& name, ByteView content) {
  TRY(below().put(name, content));
  const bool first = which_(name) && puts_.with([&](auto& puts) { return ++puts[name] == 1; });
  if (first) return fail(Code::timed_out, fmt::format("put \"{}\" in {}: no answer in time", name, description()));
  return {};
}

Result<> ListsLate::put(const std::string& name, ByteView content) {
  const auto before = TRY(below().stat(name));
  TRY(below().put(name, content));
  if (!before) changed_.with([&](auto& changed) { changed[name] = {clock_.monotonic(), std::nullopt}; });
  return {};
}

Result<> ListsLate::remove(const std::string& name) {
  const auto before = TRY(below().stat(name));
  TRY(below().remove(name));
  if (before) changed_.with([&](auto& changed) { changed[name] = {clock_.monotonic(), before->size}; });
  return {};
}

Result<std::vector<ObjectInfo>> ListsLate::list(const std::string& prefix) {
  std::map<std::string, std::uint64_t> shown;
  for (const ObjectInfo& object : TRY(below().list(prefix))) shown[object.name] = object.size;
  changed_.with([&](const auto& changed) {
    for (const auto& [name, change] : changed) {
      if (!name.starts_with(prefix) || clock_.monotonic() - change.at >= lag_) continue;
      shown.erase(name);
      if (change.before) shown[name] = *change.before;
    }
  });
  std::vector<ObjectInfo> out;
  for (const auto& [name, size] : shown) out.push_back({name, size});
  return out;
}

Result<std::vector<std::string>> ListsLate::list_parts(const std::string& prefix) {
  std::vector<std::string> parts;
  for (const ObjectInfo& object : TRY(list(prefix))) {
    const std::size_t end = object.name.find('/', prefix.size());
    std::string part = object.name.substr(prefix.size(), end == std::string::npos ? end : end + 1 - prefix.size());
    if (parts.empty() || parts.back() != part) parts.push_back(std::move(part));
  }
  return parts;
}

void Rationed::let(std::uint64_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    left_ += bytes;
  }
  more_.notify_all();
}

Result<> Rationed::put(const std::string& name, ByteView content) {
  {
    std::unique_lock lock(mutex_);
    more_.wait(lock, [&] { return left_ >= content.size(); });
    left_ -= content.size();
  }
  return below().put(name, content);
}

}  // namespace holdfast
