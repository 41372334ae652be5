#include "shared/crypto/key_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "shared/os/posix_file_system.h"
#include "shared/os/system_entropy.h"

namespace holdfast {
namespace {

constexpr PassphraseCost cheap{1, 8};

class KeyFileTest : public testing::Test {
 protected:
  KeyFileTest() {
    std::string name = "/tmp/holdfast-key-file-XXXXXX";
    directory = ::mkdtemp(name.data());
    path = directory + "/recovery.key";
  }
  ~KeyFileTest() override { std::filesystem::remove_all(directory); }
  KeyFileTest(const KeyFileTest&) = delete;
  KeyFileTest& operator=(const KeyFileTest&) = delete;

  static KeyFile sample() {
    KeyFile key;
    key.kind = KeyKind::recovery;
    key.facts = {{"fleet", "0123"}, {"label", "made on a Friday"}};
    key.secret = Bytes(32, 0x5a);
    return key;
  }
  std::string text() {
    const Bytes bytes = *files.read(path);
    return std::string(as_text(bytes));
  }
  void overwrite(const std::string& with) {
    std::ofstream out(path, std::ios::trunc);
    out << with;
  }

  PosixFileSystem files;
  SystemEntropy entropy;
  std::string directory;
  std::string path;
};

TEST_F(KeyFileTest, ComesBackWithItsPassphrase) {
  ASSERT_TRUE(write_key_file(files, entropy, path, sample(), Passphrase("correct horse"), cheap));
  EXPECT_TRUE(*key_file_needs_passphrase(files, path));
  const auto key = read_key_file(files, path, KeyKind::recovery, Passphrase("correct horse"));
  ASSERT_TRUE(key) << key.error().text();
  EXPECT_EQ(key->secret, sample().secret);
  EXPECT_EQ(key->facts, sample().facts);
  EXPECT_EQ(text().find(to_base64url(sample().secret)), std::string::npos);
}

TEST_F(KeyFileTest, ComesBackWithoutOne) {
  ASSERT_TRUE(write_key_file(files, entropy, path, sample(), std::nullopt));
  EXPECT_FALSE(*key_file_needs_passphrase(files, path));
  const auto key = read_key_file(files, path, KeyKind::recovery, std::nullopt);
  ASSERT_TRUE(key) << key.error().text();
  EXPECT_EQ(key->secret, sample().secret);
}

TEST_F(KeyFileTest, IsForItsOwnerOnly) {
  ASSERT_TRUE(write_key_file(files, entropy, path, sample(), std::nullopt));
  EXPECT_EQ((*files.stat(path))->mode, 0600U);
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  EXPECT_EQ(read_key_file(files, path, KeyKind::recovery, std::nullopt).error().code, Code::denied);
  EXPECT_EQ(key_file_needs_passphrase(files, path).error().code, Code::denied);
}

TEST_F(KeyFileTest, IsNeverOverwritten) {
  ASSERT_TRUE(write_key_file(files, entropy, path, sample(), std::nullopt));
  EXPECT_EQ(write_key_file(files, entropy, path, sample(), std::nullopt).error().code, Code::already_exists);
}

TEST_F(KeyFileTest, RefusesTheWrongPassphraseAndNone) {
  ASSERT_TRUE(write_key_file(files, entropy, path, sample(), Passphrase("right"), cheap));
  EXPECT_EQ(read_key_file(files, path, KeyKind::recovery, Passphrase("wrong")).error().code, Code::denied);
  EXPECT_EQ(read_key_file(files, path, KeyKind::recovery, std::nullopt).error().code, Code::denied);
}

TEST_F(KeyFileTest, RefusesAnotherKind) {
  ASSERT_TRUE(write_key_file(files, entropy, path, sample(), std::nullopt));
  EXPECT_EQ(read_key_file(files, path, KeyKind::root, std::nullopt).error().code, Code::invalid);
  EXPECT_EQ(read_key_file(files, path + "x", KeyKind::root, std::nullopt).error().code, Code::not_found);
}

TEST_F(KeyFileTest, RefusesFactsThatWouldBreakItsLines) {
  KeyFile key = sample();
  key.facts = {{"fleet", "a\nfact: b c"}};
  EXPECT_EQ(write_key_file(files, entropy, path, key, std::nullopt).error().code, Code::invalid);
  key.facts = {{"Fleet", "a"}};
  EXPECT_EQ(write_key_file(files, entropy, path, key, std::nullopt).error().code, Code::invalid);
  EXPECT_EQ(write_key_file(files, entropy, path, sample(), Passphrase("")).error().code, Code::invalid);
}

TEST_F(KeyFileTest, RefusesToSpendWhatAPlantedFileAsksFor) {
  ASSERT_TRUE(write_key_file(files, entropy, path, sample(), Passphrase("right"), cheap));
  std::string planted = text();
  planted.replace(planted.find("argon2id 1 8 "), 13, "argon2id 1 4000000000 ");
  overwrite(planted);
  EXPECT_EQ(read_key_file(files, path, KeyKind::recovery, Passphrase("right")).error().code, Code::invalid);
}

// Every bit of every byte, and every cut: never the secret of another file, never success.
class KeyFileDamage : public KeyFileTest, public testing::WithParamInterface<bool> {};

TEST_P(KeyFileDamage, IsFoundWhereverItIs) {
  const auto passphrase = [&] { return GetParam() ? std::optional<Passphrase>(Passphrase("right")) : std::nullopt; };
  ASSERT_TRUE(write_key_file(files, entropy, path, sample(), passphrase(), cheap));
  const std::string sound = text();
  for (std::size_t i = 0; i < sound.size(); ++i) {
    std::string altered = sound;
    altered[i] = static_cast<char>(altered[i] ^ (1 << (i % 7)));
    overwrite(altered);
    EXPECT_FALSE(read_key_file(files, path, KeyKind::recovery, passphrase())) << "byte " << i;
    overwrite(sound.substr(0, i));
    EXPECT_FALSE(read_key_file(files, path, KeyKind::recovery, passphrase())) << "cut at " << i;
  }
  overwrite(sound + "\n");
  EXPECT_FALSE(read_key_file(files, path, KeyKind::recovery, passphrase()));
  overwrite(sound);
  EXPECT_TRUE(read_key_file(files, path, KeyKind::recovery, passphrase()));
}
INSTANTIATE_TEST_SUITE_P(All, KeyFileDamage, testing::Bool(),
                         [](const auto& row) { return row.param ? "WithPassphrase" : "Open"; });

}  // namespace
}  // namespace holdfast
