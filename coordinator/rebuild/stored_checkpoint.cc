#include "coordinator/rebuild/stored_checkpoint.h"

#include <fmt/format.h>

#include <algorithm>

#include "shared/repository/layout.h"

namespace holdfast {
namespace {

struct Candidate {
  CheckpointName name;
  std::size_t store = 0;
};

Result<std::vector<Candidate>> candidates_in(const std::vector<NamedStore>& stores) {
  std::vector<Candidate> found;
  for (std::size_t i = 0; i < stores.size(); ++i) {
    const auto objects =
        TRY_DURING(fmt::format("store \"{}\"", stores[i].name), stores[i].store->list(checkpoint_prefix()));
    for (const ObjectInfo& object : objects) {
      if (const auto name = parse_checkpoint_name(object.name)) found.push_back({*name, i});
    }
  }
  std::ranges::stable_sort(found, std::ranges::greater{}, &Candidate::name);
  return found;
}

Result<CheckpointHeader> header_of(ByteView object, const CheckpointName& name, const TrustAnchor& anchor) {
  CheckpointHeader header = TRY(verify_checkpoint_header(object, anchor.fleet, anchor.root));
  if (header.coordinator_epoch != name.coordinator_epoch || header.sequence != name.sequence) {
    return fail(Code::denied, "it is the checkpoint of another name");
  }
  return header;
}

Result<CheckpointContent> content_of(ByteView object, const TrustAnchor& anchor, const BoxKeyPair& recovery) {
  Bytes plain = TRY(open_checkpoint(object, anchor.fleet, anchor.root, recovery));
  auto content = decode_checkpoint_content(plain);
  sodium_memzero(plain.data(), plain.size());
  return content;
}

}  // namespace

Result<FoundCheckpoints> find_checkpoint(const std::vector<NamedStore>& stores, const TrustAnchor& anchor,
                                         const BoxKeyPair& recovery) {
  FoundCheckpoints out;
  for (const Candidate& candidate : TRY(candidates_in(stores))) {
    const NamedStore& store = stores[candidate.store];
    const std::string name = checkpoint_name(candidate.name.coordinator_epoch, candidate.name.sequence);
    const auto read = [&]() -> Result<StoredCheckpoint> {
      const Bytes object = TRY(store.store->get(name));
      CheckpointHeader header = TRY(header_of(object, candidate.name, anchor));
      out.newest_coordinator = std::max(out.newest_coordinator, header.coordinator_epoch);
      auto content = TRY(content_of(object, anchor, recovery));
      return StoredCheckpoint{std::move(header), std::move(content), store.name};
    };
    auto checkpoint = read();
    if (checkpoint) {
      out.newest = *std::move(checkpoint);
      return out;
    }
    // One of a newer program is not to be passed over for an older one: that would take the fleet back.
    if (checkpoint.error().code == Code::unsupported)
      return std::unexpected(std::move(checkpoint).error().during(name));
    out.refused.push_back({store.name, name, checkpoint.error().text()});
  }
  return out;
}

}  // namespace holdfast
