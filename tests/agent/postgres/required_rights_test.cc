#include "agent/postgres/required_rights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/postgres/backup_session.h"

namespace holdfast {
namespace {

using ::testing::HasSubstr;

TEST(BackupFunctionNames, ChangeWithVersion15) {
  for (const int major : {13, 14}) {
    EXPECT_EQ(backup_functions(major).start, "pg_start_backup(text, boolean, boolean)") << major;
    EXPECT_EQ(backup_functions(major).stop, "pg_stop_backup(boolean, boolean)") << major;
    EXPECT_EQ(backup_start_sql(major), "SELECT pg_start_backup($1, true, false)::text AS lsn") << major;
    EXPECT_EQ(backup_stop_sql(major),
              "SELECT lsn::text AS lsn, labelfile, spcmapfile FROM pg_stop_backup(false, false)")
        << major;
  }
  for (const int major : {15, 16, 17, 18}) {
    EXPECT_EQ(backup_functions(major).start, "pg_backup_start(text, boolean)") << major;
    EXPECT_EQ(backup_functions(major).stop, "pg_backup_stop(boolean)") << major;
    EXPECT_EQ(backup_start_sql(major), "SELECT pg_backup_start($1, true)::text AS lsn") << major;
    EXPECT_EQ(backup_stop_sql(major), "SELECT lsn::text AS lsn, labelfile, spcmapfile FROM pg_backup_stop(false)")
        << major;
  }
}

TEST(Identifiers, AreQuotedWhenTheyMustBe) {
  EXPECT_EQ(quote_identifier("holdfast"), "holdfast");
  EXPECT_EQ(quote_identifier("backup_2"), "backup_2");
  EXPECT_EQ(quote_identifier("Backup"), "\"Backup\"");
  EXPECT_EQ(quote_identifier("2nd"), "\"2nd\"");
  EXPECT_EQ(quote_identifier("user"), "\"user\"");
  EXPECT_EQ(quote_identifier("a\"b; drop"), "\"a\"\"b; drop\"");
}

TEST(HbaLines, MapTheUserWhenTheRoleHasAnotherName) {
  EXPECT_EQ(hba_lines_for("postgres", "postgres", ConnectionPurpose::replication), "local replication postgres peer");
  EXPECT_EQ(hba_lines_for("postgres", "postgres", ConnectionPurpose::sql), "local postgres postgres peer");
  EXPECT_EQ(hba_lines_for("holdfast", "postgres", ConnectionPurpose::replication),
            "local replication holdfast peer map=holdfast\" and to pg_ident.conf \"holdfast postgres holdfast");
}

TEST(SqlStates, BecomeCodes) {
  struct Case {
    const char* state;
    Code code;
  };
  for (const auto& c :
       {Case{"42501", Code::denied}, Case{"28000", Code::denied}, Case{"28P01", Code::denied},
        Case{"42704", Code::not_found}, Case{"42710", Code::already_exists}, Case{"55006", Code::conflict},
        Case{"55000", Code::conflict}, Case{"53300", Code::exhausted}, Case{"53400", Code::exhausted},
        Case{"57P03", Code::unavailable}, Case{"57P01", Code::unavailable}, Case{"57014", Code::cancelled},
        Case{"58P01", Code::not_found}, Case{"58030", Code::unavailable}, Case{"08006", Code::unavailable},
        Case{"XX001", Code::corrupt}, Case{"0A000", Code::unsupported}, Case{"42601", Code::invalid}}) {
    EXPECT_EQ(code_of_sqlstate(c.state), c.code) << c.state;
  }
}

TEST(Hints, NameTheGrantsOfTheServersVersion) {
  Refusal refusal{.sqlstate = "42501", .message = "permission denied", .role = "hf", .os_user = "postgres"};
  refusal.major_version = 14;
  EXPECT_THAT(hint_for(refusal), HasSubstr("GRANT EXECUTE ON FUNCTION pg_start_backup(text, boolean, boolean) TO hf;"));
  refusal.major_version = 16;
  EXPECT_THAT(hint_for(refusal), HasSubstr("GRANT EXECUTE ON FUNCTION pg_backup_start(text, boolean) TO hf;"));
  EXPECT_THAT(hint_for(refusal), HasSubstr("GRANT pg_read_all_settings TO hf;"));
  EXPECT_THAT(hint_for(refusal), HasSubstr("ALTER ROLE hf REPLICATION;"));
}

}  // namespace
}  // namespace holdfast
