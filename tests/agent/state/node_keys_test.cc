#include "agent/state/node_keys.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "shared/os/posix_file_system.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/seeded_entropy.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

class NodeKeyFile : public testing::Test {
 protected:
  TemporaryDirectory directory_;
  PosixFileSystem files_;
  SeededEntropy entropy_{1};
  std::string path_ = directory_ / "node.key";
};

TEST_F(NodeKeyFile, IsMadeOncePrivateAndReadAgain) {
  const auto made = load_or_make_node_keys(files_, entropy_, path_);
  ASSERT_THAT(made, Succeeded());
  EXPECT_EQ(files_.stat(path_).value()->mode, 0600U);
  const auto read = load_or_make_node_keys(files_, entropy_, path_);
  ASSERT_THAT(read, Succeeded());
  EXPECT_EQ(read->curve.public_key, made->curve.public_key);
  EXPECT_EQ(read->signer.public_key, made->signer.public_key);
  EXPECT_EQ(read->recipient.public_key, made->recipient.public_key);
  const auto sealed = seal(made->recipient.public_key, as_bytes("key"));
  EXPECT_EQ(as_text(open_sealed(read->recipient, sealed).value()), "key");
}

TEST_F(NodeKeyFile, IsRefusedWhenOthersCanReadIt) {
  ASSERT_THAT(load_or_make_node_keys(files_, entropy_, path_), Succeeded());
  ::chmod(path_.c_str(), 0644);
  EXPECT_THAT(load_or_make_node_keys(files_, entropy_, path_), FailedWith(Code::denied));
}

}  // namespace
}  // namespace holdfast
