// The architecture as a failing test: who may include whom, and which outside library is seen where.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace holdfast {
namespace {

namespace fs = std::filesystem;

struct Include {
  std::string file;  // relative to the top, with '/'
  std::string target;
  bool quoted = false;
};

std::vector<Include> includes_of(const std::string& file, const std::string& content) {
  static const std::regex line(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  std::vector<Include> out;
  std::istringstream lines(content);
  for (std::string text; std::getline(lines, text);) {
    std::smatch match;
    if (std::regex_search(text, match, line)) out.push_back({file, match[2], match[1] == "\""});
  }
  return out;
}

std::vector<Include> all_includes() {
  const fs::path top = HOLDFAST_SOURCE_DIR;
  std::vector<Include> out;
  for (const char* folder : {"shared", "agent", "coordinator", "tests"}) {
    for (const auto& entry : fs::recursive_directory_iterator(top / folder)) {
      const auto extension = entry.path().extension();
      if (extension != ".h" && extension != ".cc") continue;
      std::ifstream in(entry.path());
      std::stringstream content;
      content << in.rdbuf();
      const auto found = includes_of(fs::relative(entry.path(), top).generic_string(), content.str());
      out.insert(out.end(), found.begin(), found.end());
    }
  }
  return out;
}

std::string top_folder(const std::string& path) {
  return path.substr(0, path.find('/'));
}

// Empty: it may.
std::string layer_complaint(const Include& include) {
  static const std::map<std::string, std::set<std::string>> may_include{
      {"shared", {"shared", "schema"}},
      {"agent", {"agent", "shared"}},
      {"coordinator", {"coordinator", "shared"}},
      {"tests", {"tests", "agent", "coordinator", "shared", "schema"}}};
  const std::string from = top_folder(include.file);
  const std::string to = top_folder(include.target);
  if (!include.quoted || include.target.find('/') == std::string::npos) return {};
  if (may_include.count(to) == 0 && to != "schema") return {};
  if (may_include.at(from).count(to) != 0) return {};
  return include.file + " includes " + include.target + ": " + from + " must not depend on " + to;
}

// Libraries that stop at one adapter.
std::string library_complaint(const Include& include) {
  static const std::vector<std::pair<std::regex, std::regex>> only_in{
      {std::regex(R"(^libpq-fe\.h$)"), std::regex(R"(^agent/postgres/connection\.cc$|^tests/)")},
      // The repository's clear documents are their own codecs; nobody includes those .cc files.
      {std::regex(R"(\.capnp\.h$|^capnp/|^kj/)"),
       std::regex(R"(^shared/wire/codec[a-z_]*\.(cc|h)$|^shared/repository/([a-z_]+\.cc|capnp_bytes\.h)$|^tests/)")},
      {std::regex(R"(^zmq\.h$|^zmq\.hpp$)"),
       std::regex(R"(^shared/wire/[a-z_]*(zmq|zap|curve)[a-z_]*\.(cc|h)$|^tests/)")},
      {std::regex(R"(^rocksdb/)"), std::regex(R"(^coordinator/catalog/rocks_store\.cc$|^tests/)")},
      {std::regex(R"(^yaml-cpp/)"), std::regex(R"(^shared/config/document\.cc$)")},
      {std::regex(R"(^spdlog/)"), std::regex(R"(^shared/log/log\.cc$)")},
      {std::regex(R"(^sqlite3\.h$)"), std::regex(R"(^shared/sqlite/connection\.cc$|^agent/sqlite/|^tests/)")},
      {std::regex(R"(^openssl/)"), std::regex(R"(^shared/crypto/|^tests/)")},
      {std::regex(R"(^curl/)"), std::regex(R"(^shared/store/s3/curl_transport\.cc$)")},
      {std::regex(R"(^pugixml\.hpp$)"), std::regex(R"(^shared/store/s3/documents\.cc$)")},
      {std::regex(R"(^systemd/)"), std::regex(R"(^shared/os/(service_notify|host_shutdown)\.cc$|^tests/)")},
      {std::regex(R"(^zstd\.h$)"), std::regex(R"(^shared/repository/|^tests/)")},
  };
  for (const auto& [library, where] : only_in) {
    if (std::regex_search(include.target, library) && !std::regex_search(include.file, where)) {
      return include.file + " includes " + include.target + ", which is kept to its adapter";
    }
  }
  return {};
}

TEST(Layers, PointOneWay) {
  const auto includes = all_includes();
  ASSERT_GT(includes.size(), 100U) << "no sources found below " << HOLDFAST_SOURCE_DIR;
  for (const auto& include : includes) EXPECT_EQ(layer_complaint(include), "");
}

TEST(Layers, OutsideLibrariesStopAtTheirAdapters) {
  for (const auto& include : all_includes()) EXPECT_EQ(library_complaint(include), "");
}

// The checks themselves must be able to fail.
TEST(Layers, AWrongIncludeIsSeen) {
  EXPECT_NE(layer_complaint({"shared/base/x.h", "agent/y.h", true}), "");
  EXPECT_NE(layer_complaint({"agent/x.cc", "coordinator/core/core.h", true}), "");
  EXPECT_NE(layer_complaint({"coordinator/x.cc", "tests/harness/y.h", true}), "");
  EXPECT_EQ(layer_complaint({"agent/x.cc", "shared/base/ids.h", true}), "");
  EXPECT_NE(library_complaint({"agent/x.cc", "libpq-fe.h", false}), "");
  EXPECT_EQ(library_complaint({"agent/postgres/connection.cc", "libpq-fe.h", false}), "");
  const auto found = includes_of("f", "#include \"a/b.h\"\n  #  include <c>\n// #include \"no\"\n");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].target, "a/b.h");
}

}  // namespace
}  // namespace holdfast
