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

}  // namespace holdfast
