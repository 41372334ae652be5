#include "coordinator/cli/arguments.h"

#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

TEST(Labels, AreKeyAndValue) {
  EXPECT_EQ(parse_labels({"env=prod", "note=a=b", "empty="}).value(),
            (Labels{{"env", "prod"}, {"note", "a=b"}, {"empty", ""}}));
  EXPECT_THAT(parse_labels({"env"}), FailedWith(Code::invalid, "\"env\""));
  EXPECT_THAT(parse_labels({"=x"}), FailedWith(Code::invalid));
  EXPECT_THAT(parse_labels({"env=a", "env=b"}), FailedWith(Code::invalid, "twice"));
}

TEST(Selection, MustNotBeEmptyForWhatChangesData) {
  EXPECT_THAT(require_selection({}, "restore"), FailedWith(Code::invalid, "restore"));
  EXPECT_THAT(require_selection({{"orders"}, ""}, "restore"), Succeeded());
  EXPECT_THAT(require_selection({{}, "env=prod"}, "restore"), Succeeded());
}

TEST(RestoreTarget, IsLatestWhenNothingIsSaid) {
  EXPECT_EQ(parse_target({}).value().kind, TargetKind::latest);
}

TEST(RestoreTarget, OfABackupAloneIsItsOwnEnd) {
  TargetArguments arguments;
  arguments.backup = "c1";
  EXPECT_EQ(parse_target(arguments).value().kind, TargetKind::immediate);
  arguments.latest = true;
  EXPECT_EQ(parse_target(arguments).value().kind, TargetKind::latest);
}

TEST(RestoreTarget, ReadsEachKind) {
  TargetArguments time;
  time.time = "2026-11-21T12:00:00+01:00";
  EXPECT_EQ(parse_target(time).value().time, parse_time("2026-11-21T11:00:00Z").value());
  TargetArguments lsn;
  lsn.lsn = "16/B374D848";
  lsn.exclusive = true;
  EXPECT_EQ(parse_target(lsn).value().lsn, Lsn(0x16'B374D848));
  EXPECT_FALSE(parse_target(lsn).value().inclusive);
  TargetArguments xid;
  xid.xid = "7001";
  EXPECT_EQ(parse_target(xid).value().text, "7001");
  TargetArguments name;
  name.name = "before-upgrade";
  name.timeline = "3";
  EXPECT_EQ(parse_target(name).value().text, "before-upgrade");
  EXPECT_EQ(parse_target(name).value().timeline, "3");
}

TEST(RestoreTarget, NamesBothArgumentsThatContradictEachOther) {
  TargetArguments arguments;
  arguments.time = "2026-11-21T12:00:00Z";
  arguments.lsn = "0/1";
  EXPECT_THAT(parse_target(arguments), FailedWith(Code::invalid, "--to-time and --to-lsn"));
}

TEST(RestoreTarget, NamesTheArgumentThatCannotBeRead) {
  TargetArguments time;
  time.time = "yesterday";
  EXPECT_THAT(parse_target(time), FailedWith(Code::invalid, "--to-time"));
  TargetArguments lsn;
  lsn.lsn = "xyz";
  EXPECT_THAT(parse_target(lsn), FailedWith(Code::invalid, "--to-lsn"));
  TargetArguments xid;
  xid.xid = "7a";
  EXPECT_THAT(parse_target(xid), FailedWith(Code::invalid, "--to-xid"));
  TargetArguments timeline;
  timeline.timeline = "newest";
  EXPECT_THAT(parse_target(timeline), FailedWith(Code::invalid, "--timeline"));
  TargetArguments exclusive;
  exclusive.exclusive = true;
  EXPECT_THAT(parse_target(exclusive), FailedWith(Code::invalid, "--exclusive"));
}

TEST(RestoreMap, ReadsLinesWithAndWithoutQuotes) {
  const auto map =
      parse_map("database,node,directory\r\n# comment\n\norders,db4,/srv/pg\n\"a,b\",,\"/x \"\"y\"\"\"\n", "m.csv");
  ASSERT_THAT(map, Succeeded());
  ASSERT_EQ(map->size(), 2U);
  EXPECT_EQ((*map)[0].database, "orders");
  EXPECT_EQ((*map)[0].node, "db4");
  EXPECT_EQ((*map)[0].directory, "/srv/pg");
  EXPECT_EQ((*map)[1].database, "a,b");
  EXPECT_EQ((*map)[1].node, "");
  EXPECT_EQ((*map)[1].directory, "/x \"y\"");
}

TEST(RestoreMap, NamesTheLineThatIsWrong) {
  EXPECT_THAT(parse_map("orders,db4\n", "m.csv"), FailedWith(Code::invalid, "m.csv:1: 2 fields"));
  EXPECT_THAT(parse_map("a,b,c\n\na,b,d\n", "m.csv"), FailedWith(Code::invalid, "m.csv:3"));
  EXPECT_THAT(parse_map(",b,c\n", "m.csv"), FailedWith(Code::invalid, "empty"));
  EXPECT_THAT(parse_map("\"a,b,c\n", "m.csv"), FailedWith(Code::invalid, "not closed"));
  EXPECT_THAT(parse_map("database,node,directory\n", "m.csv"), FailedWith(Code::invalid, "no database"));
}

}  // namespace
}  // namespace holdfast
