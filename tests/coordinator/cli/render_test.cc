#include "coordinator/cli/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "coordinator/cli/json_document.h"
#include "tests/coordinator/cli/samples.h"

namespace holdfast {
namespace {

Style style(OutputFormat format) {
  Style out;
  out.format = format;
  out.now = samples::now;
  return out;
}

Names names() {
  Names out;
  out.nodes[samples::id<NodeId>(0xb1)] = "db3";
  out.databases[samples::id<DatabaseId>(0xd1)] = "orders";
  return out;
}

Json json_of(const std::string& text) {
  return Json::parse(text);
}

std::vector<std::string> fields_of(const Json& object) {
  std::vector<std::string> out;
  for (const auto& [key, value] : object.items()) out.push_back(key);
  return out;
}

TEST(JsonList, HasVersionKindAndItems) {
  const Json empty = json_of(show_backups({}, names(), style(OutputFormat::json)));
  EXPECT_EQ(empty, (Json{{"apiVersion", "holdfast/v1"}, {"kind", "BackupList"}, {"items", Json::array()}}));
  const Json one = json_of(show_nodes({samples::node()}, style(OutputFormat::json)));
  EXPECT_EQ(one["kind"], "NodeList");
  EXPECT_EQ(one["items"].size(), 1U);
}

TEST(JsonNode, HasTheFieldsOfTheContract) {
  const Json node = json_of(show_node(samples::node(), style(OutputFormat::json)));
  EXPECT_EQ(fields_of(node), (std::vector<std::string>{"apiVersion", "kind", "id", "name", "state", "labels", "version",
                                                       "lastSeenAt", "databases", "clockOffsetMs"}));
  EXPECT_EQ(node["kind"], "Node");
  EXPECT_EQ(node["id"], "b10000000000000000000000000000b1");
  EXPECT_EQ(node["labels"], (Json{{"env", "prod"}, {"zone", "a"}}));
  EXPECT_EQ(node["lastSeenAt"], "2026-11-21T11:59:30Z");
  EXPECT_EQ(node["databases"], 2);
  EXPECT_EQ(node["clockOffsetMs"], -12);
}

TEST(JsonNode, SaysOfflineForAnActiveNodeThatIsNotConnected) {
  NodeView view = samples::node();
  view.online = false;
  EXPECT_EQ(json_of(show_node(view, style(OutputFormat::json)))["state"], "offline");
  view.node.state = NodeState::pending;
  EXPECT_EQ(json_of(show_node(view, style(OutputFormat::json)))["state"], "pending");
}

TEST(JsonDatabase, HasTheFieldsOfTheContract) {
  const Json database = json_of(show_database(samples::database(), names(), style(OutputFormat::json)));
  const std::vector<std::string> contract{"id",
                                          "name",
                                          "engine",
                                          "nodes",
                                          "path",
                                          "systemId",
                                          "version",
                                          "state",
                                          "policy",
                                          "labels",
                                          "lastBackup",
                                          "recoverableFrom",
                                          "recoverableThrough",
                                          "walPosition",
                                          "sizeBytes"};
  for (const std::string& field : contract) EXPECT_TRUE(database.contains(field)) << field;
  EXPECT_EQ(database["nodes"], Json::array({"db3"}));
  EXPECT_EQ(database["systemId"], "7301234567890123456") << "64 bits do not fit every reader's numbers";
  EXPECT_EQ(database["lastBackup"], (Json{{"id", "c10000000000000000000000000000c1"},
                                          {"type", "full"},
                                          {"finishedAt", "2026-11-21T11:00:00.250000Z"}}));
  EXPECT_EQ(database["walPosition"], "16/B3900000");
  EXPECT_EQ(database["sizeBytes"], 3'221'225'472);
  EXPECT_EQ(database["state"], "protected");
}

TEST(JsonDatabase, NamesTheNodeThatTakesItsBackupsAndWhyNotAnother) {
  DatabaseView view = samples::database();
  EXPECT_EQ(json_of(show_database(view, names(), style(OutputFormat::json)))["backupNode"], "db3");
  view.database.backups_note = "taken from the primary, though a standby is preferred: there is none";
  const Json database = json_of(show_database(view, names(), style(OutputFormat::json)));
  EXPECT_EQ(database["backupNote"], view.database.backups_note);
  view.database.active = NodeId();
  EXPECT_TRUE(json_of(show_database(view, names(), style(OutputFormat::json)))["backupNode"].is_null());
}

TEST(JsonDatabase, HasNullForWhatThereIsNotYet) {
  DatabaseView view = samples::database();
  view.last_backup.reset();
  view.recoverable_from = Timestamp();
  view.positions.clear();
  const Json database = json_of(show_database(view, names(), style(OutputFormat::json)));
  EXPECT_TRUE(database["lastBackup"].is_null());
  EXPECT_TRUE(database["recoverableFrom"].is_null());
  EXPECT_TRUE(database["walPosition"].is_null());
}

TEST(JsonBackup, HasTheFieldsOfTheContract) {
  const Json backup = json_of(show_backup(samples::backup(), names(), style(OutputFormat::json)));
  for (const char* field :
       {"id",         "database",     "node",    "type",       "parent",        "state",     "startedAt",
        "finishedAt", "startLsn",     "stopLsn", "timeline",   "databaseBytes", "readBytes", "storedBytes",
        "pages",      "changedPages", "copies",  "verifiedAt", "note",          "keep",      "reason"}) {
    EXPECT_TRUE(backup.contains(field)) << field;
  }
  EXPECT_EQ(backup["database"], "orders");
  EXPECT_EQ(backup["node"], "db3");
  EXPECT_EQ(backup["storedBytes"], 734'003'200);
  EXPECT_EQ(backup["startLsn"], "16/B374D848");
  EXPECT_EQ(backup["copies"], Json::array({Json{{"store", "local"}, {"state", "ok"}, {"checkedAt", nullptr}},
                                           Json{{"store", "offsite"}, {"state", "missing"}, {"checkedAt", nullptr}}}));
  EXPECT_TRUE(backup["verifiedAt"].is_null());
  EXPECT_EQ(backup["keep"], false);
}

TEST(JsonRestore, HasItsTargets) {
  const Json restore = json_of(show_restore(samples::restore(), names(), style(OutputFormat::json)));
  for (const char* field : {"id", "state", "targets", "startedAt", "finishedAt"}) {
    EXPECT_TRUE(restore.contains(field)) << field;
  }
  const Json& target = restore["targets"][0];
  for (const char* field :
       {"database", "node", "directory", "state", "backup", "toTime", "reachedLsn", "bytes", "seconds", "error"}) {
    EXPECT_TRUE(target.contains(field)) << field;
  }
  EXPECT_EQ(target["toTime"], "2026-11-21T11:30:00Z");
  EXPECT_TRUE(target["error"].is_null());
}

TEST(JsonRestore, ByDeltaSaysWhatWasFetchedAndWhetherThereIsAWayBack) {
  Restore restore = samples::restore();
  RestoreTarget& target = restore.targets.at(0);
  const auto shown = [&restore] {
    return json_of(show_restore(restore, names(), style(OutputFormat::json)))["targets"][0];
  };
  EXPECT_EQ(shown()["method"], "full");
  EXPECT_TRUE(shown()["fetchedBytes"].is_null());
  target.method = RestoreMethod::delta;
  EXPECT_TRUE(shown()["wayBack"].is_null()) << "nobody knows before it has run";
  target.state = "complete";
  EXPECT_EQ(shown()["wayBack"], true);
  target.way_back = WayBack::none;
  target.fetched_bytes = 4096;
  target.leftovers = "/var/lib/left";
  EXPECT_EQ(shown()["method"], "delta");
  EXPECT_EQ(shown()["wayBack"], false);
  EXPECT_EQ(shown()["fetchedBytes"], 4096);
  EXPECT_EQ(shown()["leftovers"], "/var/lib/left");
  const std::string text = show_restore(restore, names(), style(OutputFormat::table));
  EXPECT_NE(text.find("no way back: /var/lib/postgresql/15/main was overwritten"), std::string::npos) << text;
  EXPECT_NE(text.find("moved to /var/lib/left"), std::string::npos) << text;
}

TEST(JsonJob, HasTheFieldsOfTheContract) {
  Job job = samples::job(1, JobState::running);
  job.progress = {10, 40, "copying", 15};
  const Json json = json_of(show_job(job, names(), style(OutputFormat::json)));
  for (const char* field :
       {"id", "kind", "state", "node", "database", "progress", "startedAt", "finishedAt", "error"}) {
    EXPECT_TRUE(json.contains(field)) << field;
  }
  EXPECT_EQ(
      json["progress"],
      (Json{{"doneBytes", 10}, {"totalBytes", 40}, {"step", "copying"}, {"bytesPerSecond", 15}, {"secondsLeft", 2}}));
}

TEST(JsonWindow, HasItsGaps) {
  Window window;
  window.database_name = "orders";
  window.from = samples::at("2026-11-20T01:00:00Z");
  window.to = samples::now;
  window.through_lsn = Lsn(0x10);
  window.gaps.push_back({samples::at("2026-11-20T02:00:00Z"), samples::at("2026-11-20T02:05:00Z"), Lsn(1), Lsn(2)});
  const Json json = json_of(show_windows({window}, style(OutputFormat::json)))["items"][0];
  EXPECT_EQ(fields_of(json), (std::vector<std::string>{"database", "from", "to", "throughLsn", "gaps"}));
  EXPECT_EQ(json["gaps"][0]["fromLsn"], "0/1");
}

TEST(JsonStore, HasTheFieldsOfTheContract) {
  StoreInfo store;
  store.name = "local";
  store.path = "/srv/backups";
  store.state = "ok";
  store.used_bytes = 5;
  store.objects = 2;
  const Json json = json_of(show_stores({store}, style(OutputFormat::json)))["items"][0];
  EXPECT_EQ(json, (Json{{"name", "local"},
                        {"kind", "posix"},
                        {"state", "ok"},
                        {"capabilities", Json{{"conditionalPut", true}, {"objectLock", false}}},
                        {"usedBytes", 5},
                        {"objects", 2},
                        {"path", "/srv/backups"},
                        {"zone", nullptr}}));
  store.kind = StoreKind::s3;
  store.path.clear();
  store.zone = "paris";
  store.abilities = {Ability::no, Ability::unknown};
  store.s3.endpoint = "https://s3.example.net";
  store.s3.bucket = "copies";
  store.s3.prefix = "fleet";
  store.s3.credentials = "env";
  const Json bucket = json_of(show_stores({store}, style(OutputFormat::json)))["items"][0];
  EXPECT_EQ(bucket["capabilities"], (Json{{"conditionalPut", false}, {"objectLock", nullptr}}));
  EXPECT_EQ(bucket["path"], nullptr);
  EXPECT_EQ(bucket["zone"], "paris");
  EXPECT_EQ(bucket["s3"], (Json{{"endpoint", "https://s3.example.net"},
                                {"region", "us-east-1"},
                                {"bucket", "copies"},
                                {"prefix", "fleet"},
                                {"addressing", "path"},
                                {"caFile", nullptr},
                                {"credentials", "env"}}));
  store.s3.hosts = S3Place::Hosts::presigned;
  const Json lent = json_of(show_stores({store}, style(OutputFormat::json)))["items"][0]["s3"];
  EXPECT_EQ(lent["credentials"], "presigned");
  EXPECT_EQ(lent["coordinatorCredentials"], "env");
  EXPECT_NE(show_stores({store}, style(OutputFormat::table)).find("s3://copies/fleet at https://s3.example.net"),
            std::string::npos);
}

TEST(JsonText, SurvivesNamesThatAreNoUtf8) {
  NodeView view = samples::node();
  view.node.name = "db\xff";
  EXPECT_NO_THROW((void)json_of(show_node(view, style(OutputFormat::json))));
}

TEST(TableOutput, ShowsOneLineForEachThing) {
  EXPECT_EQ(show_nodes({samples::node()}, style(OutputFormat::table)),
            "NAME  STATE   DATABASES  LAST-SEEN  VERSION  LABELS\n"
            "db3   active  2          30s        0.1.0    env=prod,zone=a\n");
  EXPECT_EQ(show_databases({samples::database()}, names(), style(OutputFormat::table)),
            "NAME    ENGINE    STATE      NODES  LAST-BACKUP  RECOVERABLE-TO  SIZE     POLICY\n"
            "orders  postgres  protected  db3    59m          5s              3.0 GiB  default\n");
  EXPECT_EQ(show_backups({samples::backup()}, names(), style(OutputFormat::table)),
            "ID            DATABASE  TYPE  STATE     FINISHED  SIZE     STORED   COPIES                  VERIFIED\n"
            "c10000000000  orders    full  complete  59m       3.0 GiB  700 MiB  local,offsite(missing)  -\n");
}

TEST(Verification, ListsWhatIsDamagedBelowTheBackupAndInItsDocument) {
  Job job;
  job.id = samples::id<JobId>(0xf1);
  job.kind = JobKind::verify;
  job.state = JobState::failed;
  job.backup = samples::backup().id;
  job.error = "1 problems";
  job.findings = {{"offsite", "d1/wal/00000001/", "WAL of timeline 1 is missing from 0/10 on, up to 0/20"}};
  const std::string table = show_verified({samples::backup()}, {job}, names(), style(OutputFormat::table));
  EXPECT_THAT(table,
              testing::HasSubstr("\n\nSTORE    OBJECT            PROBLEM\n"
                                 "offsite  d1/wal/00000001/  WAL of timeline 1 is missing from 0/10 on, up to 0/20\n"));
  const Json shown = json_of(show_verified({samples::backup()}, {job}, names(), style(OutputFormat::json)))["items"][0];
  EXPECT_EQ(shown["id"], samples::backup().id.text());
  EXPECT_EQ(shown["verification"]["state"], "failed");
  EXPECT_EQ(shown["verification"]["findings"][0]["store"], "offsite");
  EXPECT_EQ(json_of(show_job(job, names(), style(OutputFormat::json)))["findings"].size(), 1U);
  job.findings.clear();
  EXPECT_EQ(show_verified({samples::backup()}, {job}, names(), style(OutputFormat::table)),
            show_backups({samples::backup()}, names(), style(OutputFormat::table)));
}

TEST(TableOutput, LeavesTheHeadersOutWhenAsked) {
  Style bare = style(OutputFormat::table);
  bare.headers = Headers::hide;
  EXPECT_EQ(show_nodes({samples::node()}, bare), "db3  active  2  30s  0.1.0  env=prod,zone=a\n");
}

TEST(TableOutput, IsWiderWhenAsked) {
  const std::string wide = show_nodes({samples::node()}, style(OutputFormat::wide));
  EXPECT_NE(wide.find("Debian GNU/Linux 12"), std::string::npos);
  EXPECT_NE(wide.find("b10000000000000000000000000000b1"), std::string::npos);
}

TEST(NameOutput, IsWhatOtherCommandsTake) {
  EXPECT_EQ(show_nodes({samples::node()}, style(OutputFormat::name)), "db3\n");
  EXPECT_EQ(show_backups({samples::backup()}, names(), style(OutputFormat::name)),
            "c10000000000000000000000000000c1\n");
  EXPECT_EQ(show_backups({}, names(), style(OutputFormat::name)), "");
}

TEST(NewToken, IsAloneOnStandardOutput) {
  TokenReply reply;
  reply.text = "hf1.abc";
  EXPECT_EQ(show_new_token(reply, style(OutputFormat::table)), "hf1.abc\n");
  EXPECT_EQ(json_of(show_new_token(reply, style(OutputFormat::json)))["token"], "hf1.abc");
}

TEST(TokenState, NamesWhyItLetsNobodyIn) {
  Token token;
  token.expires_at = samples::now + std::chrono::hours(1);
  const auto state = [&] { return json_of(show_tokens({token}, style(OutputFormat::json)))["items"][0]["state"]; };
  EXPECT_EQ(state(), "active");
  token.uses_left = 0;
  EXPECT_EQ(state(), "used up");
  token.expires_at = samples::now;
  EXPECT_EQ(state(), "expired");
  token.revoked = true;
  EXPECT_EQ(state(), "revoked");
}

TEST(StatusPage, NamesWhatIsUnprotectedAndWhy) {
  ListReply reply;
  reply.status.fleet_name = "acme";
  reply.status.nodes = 3;
  reply.status.alerts = {"two primaries have system id 7"};
  DatabaseView view = samples::database();
  view.database.protection = Protection::unprotected;
  view.database.protection_reason = "no store";
  reply.databases = {view};
  Job failed = samples::job(1, JobState::failed);
  failed.error = "store is full";
  reply.jobs = {failed};
  const std::string page = show_status(reply, names(), style(OutputFormat::table));
  EXPECT_NE(page.find("orders: no store"), std::string::npos) << page;
  EXPECT_NE(page.find("backup of orders: store is full"), std::string::npos) << page;
  EXPECT_NE(page.find("two primaries"), std::string::npos) << page;
  const Json json = json_of(show_status(reply, names(), style(OutputFormat::json)));
  EXPECT_EQ(json["kind"], "Status");
  EXPECT_EQ(json["unprotected"], Json::array({Json{{"database", "orders"}, {"reason", "no store"}}}));
  EXPECT_EQ(json["nodes"]["total"], 3);
}

TEST(Yaml, SaysTheSameAsJson) {
  const Json value = {{"name", "orders"},
                      {"plain", "a/b-c.d"},
                      {"no", "no"},
                      {"time", "2026-11-21T12:00:00Z"},
                      {"empty", ""},
                      {"nothing", nullptr},
                      {"count", 3},
                      {"list", Json::array({"a", 1})},
                      {"none", Json::array()},
                      {"items", Json::array({Json{{"id", "x1"}, {"copies", Json::array({Json{{"store", "local"}}})}}})},
                      {"labels", Json{{"env", "prod"}}}};
  EXPECT_EQ(to_yaml(value),
            "name: orders\n"
            "plain: a/b-c.d\n"
            "\"no\": \"no\"\n"
            "time: \"2026-11-21T12:00:00Z\"\n"
            "empty: \"\"\n"
            "nothing: null\n"
            "count: 3\n"
            "list:\n"
            "  - a\n"
            "  - 1\n"
            "none: []\n"
            "items:\n"
            "  - id: x1\n"
            "    copies:\n"
            "      - store: local\n"
            "labels:\n"
            "  env: prod\n");
}

}  // namespace
}  // namespace holdfast
