#include "agent/incremental/gathering.h"

#include <algorithm>
#include <unordered_map>

#include "shared/repository/layout.h"

namespace holdfast {
namespace {

// By the packs' index in the manifest; 0: the record does not know it.
std::vector<std::uint64_t> stored_sizes(const ParentBackup& parent) {
  std::unordered_map<std::string_view, std::uint64_t> sizes;
  for (const StoredObject& object : parent.record.objects) sizes[object.name] = object.size;
  for (const NeededPack& needed : parent.record.needed_packs) sizes[needed.object.name] = needed.object.size;
  std::vector<std::uint64_t> out;
  for (const PackRef& pack : parent.manifest.packs) {
    const auto found = sizes.find(pack_name(parent.manifest.database, pack.backup, pack.number));
    out.push_back(found == sizes.end() ? 0 : found->second);
  }
  return out;
}

// Extents of the parent that `one` names.
template <class Visit>
void each_extent(const TakenOver& one, Visit visit) {
  if (one.kept) std::ranges::for_each(*one.kept, visit);
  for (const auto& [offset, known] : one.known) std::ranges::for_each(known.extents, visit);
}

// Of one file, in order; what touches becomes one span.
void add_span(std::vector<FileSpan>& read, std::size_t entry, std::uint64_t offset, std::uint64_t length) {
  if (!read.empty() && read.back().entry == entry && read.back().offset + read.back().length == offset) {
    read.back().length += length;
  } else {
    read.push_back({entry, offset, length});
  }
}

}  // namespace

std::vector<bool> packs_to_gather(const std::vector<PackLife>& packs, const GatheringRules& rules) {
  const auto small = [&](const PackLife& pack) { return pack.alive > 0 && pack.size <= rules.small_size; };
  const bool too_many = static_cast<std::size_t>(std::ranges::count_if(packs, small)) > rules.small_packs;
  std::vector<bool> out;
  for (const PackLife& pack : packs) {
    const bool mostly_dead = pack.alive > 0 && pack.alive < pack.size / rules.parts;
    out.push_back(mostly_dead || (too_many && small(pack)));
  }
  return out;
}

std::vector<PackLife> lives_of_packs(const ParentBackup& parent, const std::map<std::size_t, TakenOver>& taken_over) {
  const Manifest& manifest = parent.manifest;
  std::vector<std::uint64_t> plain(manifest.frames.size(), 0);
  for (const auto& [entry, one] : taken_over) {
    each_extent(one,
                [&](const Extent& extent) { plain[extent.frame] += std::uint64_t{extent.pages} * manifest.page_size; });
  }
  std::vector<PackLife> out;
  for (const std::uint64_t size : stored_sizes(parent)) out.push_back({size, 0});
  for (std::size_t i = 0; i < plain.size(); ++i) {
    if (plain[i] == 0) continue;
    const FrameRef& frame = manifest.frames[i];
    // The last page of a file may be short, and counts as whole here.
    const std::uint64_t used = std::min<std::uint64_t>(plain[i], frame.plain_size);
    out[frame.pack].alive += std::max<std::uint64_t>(1, frame.stored_size * used / frame.plain_size);
  }
  return out;
}

Gathered gather(const ParentBackup& parent, const GatheringRules& rules, std::map<std::size_t, TakenOver>& taken_over,
                std::vector<FileSpan>& read) {
  const std::vector<bool> chosen = packs_to_gather(lives_of_packs(parent, taken_over), rules);
  Gathered out;
  out.packs = static_cast<std::size_t>(std::ranges::count(chosen, true));
  if (out.packs == 0) return out;
  const std::uint64_t page = parent.manifest.page_size;
  const auto goes = [&](const Extent& extent) { return chosen[parent.manifest.frames[extent.frame].pack]; };
  for (auto& [entry, one] : taken_over) {
    if (one.kept) {
      for (const Extent& extent : *one.kept) {
        if (!goes(extent)) continue;
        add_span(read, entry, extent.first_page * page, extent.pages * page);
        out.bytes += extent.pages * page;
      }
      std::erase_if(*one.kept, goes);
    }
    // It is read anyway; without its hash it is stored, whatever it is.
    std::erase_if(one.known, [&](const auto& known) {
      if (std::ranges::none_of(known.second.extents, goes)) return false;
      out.bytes += known.second.size;
      return true;
    });
  }
  return out;
}

}  // namespace holdfast
