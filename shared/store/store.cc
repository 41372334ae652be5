#include "shared/store/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

namespace holdfast {
namespace {

bool is_name_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

// Asks one store after the other. Only when all of them are certain that it is not there is it not there; otherwise the
// error of the first store that may have it.
template <class Ask>
auto first_answer(const std::vector<NamedStore>& stores, const std::string& name, Ask ask)
    -> decltype(ask(*stores.front().store)) {
  std::optional<Error> missing;
  std::optional<Error> other;
  for (const NamedStore& store : stores) {
    auto answer = ask(*store.store);
    if (answer) return answer;
    auto& slot = answer.error().code == Code::not_found ? missing : other;
    if (!slot) slot = std::move(answer).error().during(fmt::format("store \"{}\"", store.name));
  }
  if (other) return std::unexpected(std::move(*other));
  if (missing) return std::unexpected(std::move(*missing));
  return fail(Code::invalid, fmt::format("no store to read \"{}\" from", name));
}

}  // namespace

Result<> check_object_name(std::string_view name) {
  const auto refuse = [&](std::string_view why) {
    return fail(Code::invalid, fmt::format("\"{}\" is not the name of an object: {}", name.substr(0, 100), why));
  };
  if (name.empty()) return refuse("it is empty");
  if (name.size() > 512) return refuse("it is longer than 512 bytes");
  std::string_view rest = name;
  while (true) {
    const auto slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return refuse("it has an empty, \".\" or \"..\" part");
    if (part.size() > 200) return refuse("it has a part longer than 200 bytes");
    if (part.starts_with(".holdfast-")) return refuse("parts that begin with \".holdfast-\" are the stores' own");
    if (!std::ranges::all_of(part, is_name_character)) return refuse("only A-Z a-z 0-9 . _ - and / may be in it");
    if (slash == std::string_view::npos) return {};
    rest = rest.substr(slash + 1);
  }
}

Result<std::vector<CopyOutcome>> StoreSet::put(const std::string& name, ByteView content) const {
  if (stores_.empty() || min_copies_ > stores_.size()) {
    return fail(Code::invalid, fmt::format("\"{}\" needs {} copies and there are {} stores", name,
                                           std::max<std::size_t>(min_copies_, 1), stores_.size()));
  }
  std::vector<CopyOutcome> outcomes(stores_.size());
  const auto put_to = [&](std::size_t i) {
    outcomes[i].store = stores_[i].name;
    if (auto done = stores_[i].store->put(name, content); !done) outcomes[i].error = std::move(done).error();
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < stores_.size(); ++i) others.emplace_back(put_to, i);
    put_to(0);
  }
  const auto durable =
      static_cast<std::size_t>(std::ranges::count_if(outcomes, [](const auto& outcome) { return !outcome.error; }));
  if (durable < std::max<std::size_t>(min_copies_, 1)) {
    const auto failed = std::ranges::find_if(outcomes, [](const auto& outcome) { return outcome.error.has_value(); });
    return std::unexpected(
        std::move(*failed->error)
            .during(fmt::format("{} of {} copies of \"{}\", store \"{}\"", durable, min_copies_, name, failed->store)));
  }
  return outcomes;
}

Result<Bytes> StoreSet::get(const std::string& name) const {
  return first_answer(stores_, name, [&](Store& store) { return store.get(name); });
}

Result<Bytes> StoreSet::get_range(const std::string& name, std::uint64_t offset, std::uint64_t length) const {
  return first_answer(stores_, name, [&](Store& store) { return store.get_range(name, offset, length); });
}

}  // namespace holdfast
