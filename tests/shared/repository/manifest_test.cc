#include "shared/repository/manifest.h"

#include <rapidcheck.h>
#include <zstd.h>

#include <algorithm>
#include <random>

#include "tests/shared/repository/fixture.h"

namespace holdfast {
namespace {

// A manifest as a few generations of backups would leave it: each file's pages lie in frames of any of them.
Manifest random_manifest(std::mt19937_64& random) {
  const auto below = [&](std::uint64_t limit) { return random() % limit; };
  SeededEntropy entropy(random());
  Manifest out;
  out.database = entropy.id<DatabaseId>();
  out.backup = entropy.id<BackupId>();
  out.page_size = 512U << below(5);
  for (std::uint64_t backups = 1 + below(3); backups > 0; --backups) {
    const BackupId backup = entropy.id<BackupId>();
    const EpochId epoch = entropy.id<EpochId>();
    for (std::uint32_t pack = 0; pack < 1 + below(3); ++pack) out.packs.push_back({backup, pack, epoch});
  }
  for (std::uint32_t pack = 0; pack < out.packs.size(); ++pack) {
    std::uint64_t offset = 0;
    for (std::uint32_t number = 0; number < 1 + below(4); ++number) {
      FrameRef frame;
      frame.pack = pack;
      frame.number = number;
      frame.offset = offset;
      frame.stored_size = static_cast<std::uint32_t>(frame_header_size + 17 + below(100'000));
      frame.plain_size =
          static_cast<std::uint32_t>(out.page_size * (1 + below(20)) + (below(3) == 0 ? below(out.page_size) : 0));
      frame.end = below(4) == 0 ? FrameEnd::last : FrameEnd::more;
      frame.hash = {random(), random()};
      offset += frame.stored_size;
      out.frames.push_back(frame);
    }
  }
  std::ranges::shuffle(out.frames, random);
  std::vector<std::string> paths;
  for (std::uint64_t files = below(12); files > 0; --files) paths.push_back("base/" + std::to_string(below(1000)));
  std::ranges::sort(paths);
  paths.erase(std::ranges::unique(paths).begin(), paths.end());
  for (const std::string& path : paths) {
    ManifestFile file;
    file.path = path;
    file.kind = static_cast<EntryKind>(below(8) < 6 ? 0 : below(3));
    file.mode = static_cast<std::uint32_t>(below(07777));
    file.owner = below(2) == 0 ? "postgres" : "root";
    file.group = std::string(below(3), 'g');
    file.modified = Timestamp::from_micros(static_cast<std::int64_t>(random()));
    if (file.kind == EntryKind::link) file.link_target = "../somewhere";
    if (file.kind == EntryKind::file) {
      file.size = below(200) * out.page_size + below(out.page_size);
      const std::uint64_t pages = (file.size + out.page_size - 1) / out.page_size;
      for (std::uint64_t page = below(3); page < pages;) {
        const auto frame = static_cast<std::uint32_t>(below(out.frames.size()));
        const std::uint64_t fit = out.frames[frame].plain_size / out.page_size;
        const auto count = static_cast<std::uint32_t>(std::min(1 + below(fit), pages - page));
        const auto offset =
            static_cast<std::uint32_t>(below(fit - count + 1) * out.page_size + (below(5) == 0 ? 1 : 0));
        const std::uint64_t bytes = std::min<std::uint64_t>(count * out.page_size, file.size - page * out.page_size);
        if (offset + bytes <= out.frames[frame].plain_size) file.extents.push_back({page, count, frame, offset});
        page += count + (below(2) == 0 ? 0 : below(5));
      }
    }
    out.files.push_back(std::move(file));
  }
  if (below(2) == 0) out.backup_label = to_bytes(as_bytes("START WAL LOCATION: 0/2000028\n"));
  if (below(2) == 0) out.tablespaces = {{16400, "/mnt/fast"}, {16401, "/mnt/slow"}};
  return out;
}

TEST(Manifest, ComesBackWhateverItHolds) {
  EXPECT_TRUE(rc::check("decode(encode(manifest)) == manifest", [](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const Manifest manifest = random_manifest(random);
    RC_ASSERT(check_manifest(manifest).has_value());
    const Bytes bytes = encode_manifest(manifest);
    const auto again = decode_manifest(bytes);
    RC_ASSERT(again.has_value());
    RC_ASSERT(*again == manifest);
    RC_ASSERT(encode_manifest(*again) == bytes);
  }));
}

// What is decoded is always something restores can rely on, and reading never runs away.
TEST(Manifest, SurvivesRandomChanges) {
  EXPECT_TRUE(rc::check("changed bytes are refused or still a sound manifest", [](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const Bytes sound = encode_manifest(random_manifest(random));
    for (int round = 0; round < 20; ++round) {
      Bytes damaged = sound;
      for (std::uint64_t changes = 1 + random() % 3; changes > 0; --changes) {
        damaged[random() % damaged.size()] = static_cast<std::uint8_t>(random());
      }
      if (random() % 4 == 0) damaged.resize(random() % damaged.size());
      const auto decoded = decode_manifest(damaged);
      if (!decoded) RC_ASSERT(decoded.error().code == Code::corrupt);
      if (decoded) RC_ASSERT(check_manifest(*decoded).has_value());
    }
  }));
}

TEST(Manifest, RefusesEveryCutAndEveryAddition) {
  std::mt19937_64 random(7);
  const Bytes sound = encode_manifest(random_manifest(random));
  for (std::size_t size = 0; size < sound.size(); ++size) EXPECT_FALSE(decode_manifest(ByteView(sound).first(size)));
  Bytes longer = sound;
  longer.push_back(0);
  EXPECT_FALSE(decode_manifest(longer));
}

Manifest one_file() {
  Manifest out;
  out.page_size = 512;
  out.packs.resize(1);
  out.frames = {{0, 0, 0, 200, 2048, FrameEnd::last, {}}};
  ManifestFile file;
  file.path = "base/1";
  file.size = 2000;
  file.extents = {{0, 2, 0, 0}, {2, 2, 0, 1024}};
  out.files = {file};
  return out;
}

struct Flaw {
  std::string name;
  std::function<void(Manifest&)> make;
};
class FlawedManifest : public testing::TestWithParam<Flaw> {};

TEST_P(FlawedManifest, IsRefusedByWriterAndReader) {
  Manifest manifest = one_file();
  ASSERT_TRUE(check_manifest(manifest));
  GetParam().make(manifest);
  EXPECT_EQ(check_manifest(manifest).error().code, Code::invalid);
}

INSTANTIATE_TEST_SUITE_P(
    All, FlawedManifest,
    testing::Values(Flaw{"PathGoesUp", [](Manifest& m) { m.files[0].path = "base/../../etc/passwd"; }},
                    Flaw{"PathIsAbsolute", [](Manifest& m) { m.files[0].path = "/etc/passwd"; }},
                    Flaw{"PathIsEmpty", [](Manifest& m) { m.files[0].path = ""; }},
                    Flaw{"PathEndsWithSlash", [](Manifest& m) { m.files[0].path = "base/"; }},
                    Flaw{"PathHasZero", [](Manifest& m) { m.files[0].path = std::string("a\0b", 3); }},
                    Flaw{"PathTwice", [](Manifest& m) { m.files.push_back(m.files[0]); }},
                    Flaw{"PathsOutOfOrder",
                         [](Manifest& m) {
                           m.files.push_back(m.files[0]);
                           m.files[1].path = "base";
                         }},
                    Flaw{"DirectoryWithContent", [](Manifest& m) { m.files[0].kind = EntryKind::directory; }},
                    Flaw{"LinkWithoutTarget",
                         [](Manifest& m) {
                           m.files[0].extents.clear();
                           m.files[0].kind = EntryKind::link;
                         }},
                    Flaw{"FileWithTarget", [](Manifest& m) { m.files[0].link_target = "x"; }},
                    Flaw{"ExtentsOverlap", [](Manifest& m) { m.files[0].extents[1].first_page = 1; }},
                    Flaw{"ExtentOfNoPages", [](Manifest& m) { m.files[0].extents[0].pages = 0; }},
                    Flaw{"ExtentAfterFile", [](Manifest& m) { m.files[0].extents[1].pages = 3; }},
                    Flaw{"ExtentAfterFrame", [](Manifest& m) { m.files[0].extents[1].offset = 1500; }},
                    Flaw{"ExtentOfNoFrame", [](Manifest& m) { m.files[0].extents[1].frame = 1; }},
                    Flaw{"FrameOfNoPack", [](Manifest& m) { m.frames[0].pack = 1; }},
                    Flaw{"FrameOfNothing", [](Manifest& m) { m.frames[0].plain_size = 0; }},
                    Flaw{"FrameNeverWritten", [](Manifest& m) { m.frames[0].stored_size = 0; }},
                    Flaw{"NoPageSize", [](Manifest& m) { m.page_size = 0; }}),
    [](const auto& row) { return row.param.name; });

// 1 TB of 8 KiB pages, 10 % of them changed at random: 12 million runs of changed pages, as many of unchanged ones
// between them, and it must stay under 100 MB. Here a hundredth of it, twice over: the second incremental on top of the
// first, so that three backups' frames are mixed.
TEST(Manifest, OfRandomChurnStaysSmall) {
  constexpr std::uint64_t file_pages = 131'072;  // a 1 GiB segment
  constexpr std::size_t files = 10;
  constexpr std::uint32_t frame_pages = 128;
  std::mt19937_64 random(42);
  SeededEntropy entropy(43);
  Manifest manifest;
  manifest.page_size = 8192;
  struct Where {
    std::uint32_t frame;
    std::uint32_t offset;
  };
  std::vector<std::vector<Where>> pages(files, std::vector<Where>(file_pages));
  std::uint32_t used = frame_pages;
  std::array<std::uint64_t, 2> offset{};  // two workers take turns frame by frame
  const auto write = [&](Where& page) {
    if (used == frame_pages) {
      used = 0;
      const std::size_t worker = manifest.frames.size() % 2;
      FrameRef frame;
      frame.pack = static_cast<std::uint32_t>(manifest.packs.size() - 2 + worker);
      frame.offset = offset[worker];
      frame.stored_size = static_cast<std::uint32_t>(300'000 + random() % 100'000);
      frame.plain_size = frame_pages * 8192;
      frame.number = static_cast<std::uint32_t>(offset[worker] / 350'000);
      frame.hash = {random(), random()};
      offset[worker] += frame.stored_size;
      manifest.frames.push_back(frame);
    }
    page = {static_cast<std::uint32_t>(manifest.frames.size() - 1), used++ * 8192};
  };
  const auto new_backup = [&] {
    const BackupId backup = entropy.id<BackupId>();
    const EpochId epoch = entropy.id<EpochId>();
    manifest.packs.push_back({backup, 0, epoch});
    manifest.packs.push_back({backup, 1, epoch});
    offset = {};
    used = frame_pages;
  };
  new_backup();
  for (auto& file : pages) {
    for (auto& page : file) write(page);
  }
  std::size_t first_incremental = 0;
  for (int generation = 1; generation <= 2; ++generation) {
    new_backup();
    for (auto& file : pages) {
      for (auto& page : file) {
        if (random() % 10 == 0) write(page);
      }
    }
    manifest.files.clear();
    std::size_t runs = 0;
    for (std::size_t i = 0; i < files; ++i) {
      ManifestFile file;
      file.path = "base/5/16384." + std::to_string(i);
      file.size = file_pages * 8192;
      for (std::uint64_t page = 0; page < file_pages; ++page) {
        const Where& at = pages[i][page];
        Extent* last = file.extents.empty() ? nullptr : &file.extents.back();
        if (last != nullptr && last->frame == at.frame && last->offset + last->pages * 8192 == at.offset) {
          ++last->pages;
        } else {
          file.extents.push_back({page, 1, at.frame, at.offset});
        }
      }
      runs += file.extents.size();
      manifest.files.push_back(std::move(file));
    }
    const Bytes plain = encode_manifest(manifest);
    ASSERT_EQ(*decode_manifest(plain), manifest);
    Bytes packed(ZSTD_compressBound(plain.size()));
    const std::size_t size = ZSTD_compress(packed.data(), packed.size(), plain.data(), plain.size(), 6);
    std::printf("generation %d: %zu runs, %zu bytes plain, %zu stored, %.2f bytes a run\n", generation, runs,
                plain.size(), size, static_cast<double>(size) / static_cast<double>(runs));
    // 134 million pages are a hundred times this.
    if (generation == 1) {
      EXPECT_GT(runs, 230'000U);
      first_incremental = size;
    }
    EXPECT_LT(size * 102, 100'000'000U);
  }
  EXPECT_LT(first_incremental * 102, 60'000'000U);
}

}  // namespace
}  // namespace holdfast
