#include "shared/policy/policy.h"

#include <gmock/gmock.h>

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view everything = R"(apiVersion: holdfast/v1
kind: Policy
name: production
match: {env: prod, engine: postgres}
schedule:
  full: "0 1 * * 0"
  incremental: "0 * * * *"
  differential: "0 1 * * 1-6"
  prefer: standby
timezone: Europe/Berlin
window: "22:00-06:00"
splay: 30m
wal: {ship: stream, rpo: 10s}
objectives: {rpo: 60s, rto: 30m}
retention: {hourly: 24, daily: 7, weekly: 4, monthly: 12, yearly: 7, days: 30, min_backups: 2, max_backups: 60, pitr: 7d, max_bytes: 100GB, total_bytes: 2TB}
copies: {want: 2, min: 1, stores: [local, offsite], spread: zone, lock: 14d}
verify: {after_backup: sample, full_every: 30d}
drill: {every: 7d, on: {role: drill}, checks: [amcheck, "select count(*) > 0 from \"orders\""]}
encryption: {recipients: [recovery, drill], self_restore: true}
limits: {per_node: 1, per_store: 8, per_zone: 4, per_fleet: 40, bandwidth: 200MB/s, cpu: 50%, workers: 3, zstd_level: 2}
shutdown: {drain: 30s, checkpoint_timeout: 5s, stop_timeout: 40s, stop_database: false, mode: smart}
)";

TEST(PolicyYaml, ReadsEveryKey) {
  const auto policy = parse_policy(everything, "p.yaml");
  ASSERT_TRUE(policy) << policy.error().text();
  EXPECT_EQ(policy->name, "production");
  EXPECT_EQ(policy->match, (Labels{{"env", "prod"}, {"engine", "postgres"}}));
  EXPECT_EQ(policy->full, "0 1 * * 0");
  EXPECT_EQ(policy->prefer, "standby");
  EXPECT_EQ(policy->timezone, "Europe/Berlin");
  EXPECT_EQ(policy->splay, Micros(std::chrono::minutes(30)));
  EXPECT_EQ(policy->hourly, 24U);
  EXPECT_EQ(policy->max_bytes, 100'000'000'000U);
  EXPECT_EQ(policy->total_bytes, 2'000'000'000'000U);
  EXPECT_EQ(policy->pitr, Micros(std::chrono::hours(168)));
  EXPECT_THAT(policy->stores, ElementsAre("local", "offsite"));
  EXPECT_EQ(policy->bandwidth, 200'000'000U);
  EXPECT_EQ(policy->cpu_percent, 50U);
  EXPECT_EQ(policy->workers, 3U);
  EXPECT_EQ(policy->zstd_level, 2);
  EXPECT_TRUE(policy->self_restore);
  EXPECT_FALSE(policy->shutdown_stop_database);
  EXPECT_EQ(policy->shutdown_mode, "smart");
  EXPECT_EQ(policy->per_zone, 4U);
  EXPECT_EQ(policy->per_fleet, 40U);
  EXPECT_THAT(policy->drill_text, HasSubstr("amcheck"));
}

TEST(PolicyYaml, ComesBackTheSame) {
  for (const Policy& policy : {*parse_policy(everything, "p.yaml"), default_policy()}) {
    const auto again = parse_policy(policy_to_yaml(policy), "again.yaml");
    ASSERT_TRUE(again) << again.error().text() << policy_to_yaml(policy);
    EXPECT_EQ(*again, policy);
  }
}

TEST(PolicyYaml, KeepsAScheduleThatNeverRuns) {
  const auto policy = parse_policy("apiVersion: holdfast/v1\nkind: Policy\nname: off\nschedule: {}\n", "p.yaml");
  ASSERT_TRUE(policy) << policy.error().text();
  EXPECT_EQ(policy->full, "");
  EXPECT_EQ(parse_policy(policy_to_yaml(*policy), "again.yaml")->full, "");
}

TEST(PolicyYaml, DefaultsProtectDaily) {
  const auto policy = parse_policy("apiVersion: holdfast/v1\nkind: Policy\nname: small\n", "p.yaml");
  ASSERT_TRUE(policy) << policy.error().text();
  EXPECT_EQ(policy->full, "@daily");
  EXPECT_EQ(policy->prefer, "primary");
  EXPECT_EQ(policy->copies_want, 1U);
  EXPECT_THAT(policy->recipients, ElementsAre("recovery"));
}

struct Malformed {
  const char* name;
  const char* lines;  // after apiVersion, kind and name
  const char* complaint;
};

class MalformedPolicy : public testing::TestWithParam<Malformed> {};

TEST_P(MalformedPolicy, IsRefusedWithItsPlace) {
  const auto policy =
      parse_policy(std::string("apiVersion: holdfast/v1\nkind: Policy\nname: p\n") + GetParam().lines, "p.yaml");
  ASSERT_FALSE(policy);
  EXPECT_EQ(policy.error().code, Code::invalid);
  EXPECT_THAT(policy.error().message, HasSubstr(GetParam().complaint));
}

INSTANTIATE_TEST_SUITE_P(
    Yaml, MalformedPolicy,
    testing::Values(
        Malformed{"UnknownKey", "retentoin: {days: 3}", "p.yaml:4:1: unknown key \"retentoin\""},
        Malformed{"UnknownNestedKey", "retention:\n  days: 3\n  dayly: 3", "p.yaml:6:3: unknown key \"dayly\""},
        Malformed{"TwiceTheSameKey", "splay: 1m\nsplay: 2m", "there twice"},
        Malformed{"Cron", "schedule:\n  full: \"0 25 * * *\"", "p.yaml:5:9: \"schedule.full\" schedule \"0 25 * * *\""},
        Malformed{"CronOfIncremental", "schedule: {incremental: often}", "\"schedule.incremental\""},
        Malformed{"Prefer", "schedule:\n  prefer: replica",
                  "p.yaml:5:11: \"schedule.prefer\" must be one of primary, standby, found \"replica\""},
        Malformed{"ScheduleIsNoMap", "schedule: \"@daily\"", "must be a map"},
        Malformed{"Zone", "timezone: Mars/Olympus", "p.yaml:4:11: \"timezone\" \"Mars/Olympus\" is not a time zone"},
        Malformed{"Window", "window: 25:00-06:00", "\"window\" must be two times"},
        Malformed{"EmptyWindow", "window: \"06:00-06:00\"", "\"window\" must be two times"},
        Malformed{"Splay", "splay: 30", "\"splay\" must be a duration"},
        Malformed{"LongSplay", "splay: 2d", "at most 24h"},
        Malformed{"Ship", "wal: {ship: carrier_pigeon}", "must be one of stream, archive_command"},
        Malformed{"Rpo", "wal: {rpo: 1ms}", "at least 100ms"},
        Malformed{"Negative", "retention: {days: -1}", "\"retention.days\" must be from 0"},
        Malformed{"MinAboveMax", "retention: {min_backups: 3, max_backups: 2}", "must not be above max_backups"},
        Malformed{"Bytes", "retention: {max_bytes: lots}", "must be a size"},
        Malformed{"NoCopies", "copies: {want: 0}", "\"copies.want\" must be from 1"},
        Malformed{"MinAboveWant", "copies: {want: 1, min: 2}", "more copies at least than are wanted"},
        Malformed{"TooFewStores", "copies: {want: 2, stores: [one]}", "names 1 stores for 2 copies"},
        Malformed{"StoreTwice", "copies: {want: 2, stores: [one, one]}", "is there twice"},
        Malformed{"StoreName", "copies: {stores: [\"a/b\"]}", "found \"a/b\""},
        Malformed{"NoRecovery", "encryption: {recipients: [drill]}", "must contain \"recovery\""},
        Malformed{"Bandwidth", "limits: {bandwidth: 200MB}", "must be a rate"},
        Malformed{"Cpu", "limits: {cpu: 150%}", "1% to 100%"}, Malformed{"CpuText", "limits: {cpu: all}", "1% to 100%"},
        Malformed{"Level", "limits: {zstd_level: 40}", "from 1 to 19"},
        Malformed{"Flag", "shutdown: {stop_database: yes}", "true or false"},
        Malformed{"Verify", "verify: {after_backup: always}", "one of none, sample, full"},
        Malformed{"Match", "match: [a, b]", "must be a map"}, Malformed{"Syntax", "match: {a: b", "p.yaml:"},
        Malformed{"TwoDocuments", "---\nname: q", "more than one document"}),
    [](const auto& tested) { return tested.param.name; });

TEST(PolicyYaml, RefusesOtherKindsAndVersions) {
  EXPECT_THAT(parse_policy("", "p.yaml").error().message, HasSubstr("\"apiVersion\" is missing"));
  EXPECT_THAT(parse_policy("apiVersion: holdfast/v2\nkind: Policy\nname: p", "p.yaml").error().message,
              HasSubstr("p.yaml:1:13: \"apiVersion\" must be \"holdfast/v1\""));
  EXPECT_THAT(parse_policy("apiVersion: holdfast/v1\nkind: Store\nname: p", "p.yaml").error().message,
              HasSubstr("\"kind\" must be \"Policy\""));
  EXPECT_THAT(parse_policy("apiVersion: holdfast/v1\nkind: Policy", "p.yaml").error().message,
              HasSubstr("\"name\" is missing"));
  EXPECT_THAT(parse_policy("apiVersion: holdfast/v1\nkind: Policy\nname: A b", "p.yaml").error().message,
              HasSubstr("found \"A b\""));
}

TEST(NotInEffect, IsEmptyForTheDefaultPolicy) {
  EXPECT_THAT(not_in_effect(default_policy()), testing::IsEmpty());
}

TEST(NotInEffect, NamesWhatIsReadButNotDone) {
  const auto sentences = not_in_effect(*parse_policy(everything, "p.yaml"));
  EXPECT_THAT(sentences, testing::Contains(HasSubstr("verify.after_backup")));
  EXPECT_THAT(sentences, testing::Contains(HasSubstr("drill")));
  for (const char* done : {"retention.days", "retention.daily", "retention.pitr", "retention.max_bytes",
                           "retention.hourly", "self_restore:", "schedule.", "window", "limits.bandwidth", "limits.cpu",
                           "limits.per_store", "limits.per_zone", "limits.per_fleet", "prefer", "shutdown"}) {
    EXPECT_THAT(sentences, testing::Not(testing::Contains(HasSubstr(done)))) << done;
  }
}

TEST(LimitsBeyondTheNode, AreThoseThatANodeCannotSeeToByItself) {
  Policy policy;
  policy.per_node = 3;
  EXPECT_FALSE(is_limited_beyond_node(policy));
  for (std::uint32_t Policy::*limit : {&Policy::per_store, &Policy::per_zone, &Policy::per_fleet}) {
    Policy limited;
    limited.*limit = 1;
    EXPECT_TRUE(is_limited_beyond_node(limited));
  }
}

TEST(ChangedSettings, AreThoseThatDifferWithBothValues) {
  Policy before = default_policy();
  EXPECT_THAT(changed_settings(before, before), testing::IsEmpty());
  Policy after = before;
  after.daily = 7;
  after.full = "@weekly";
  after.window = "22:00-06:00";
  EXPECT_THAT(
      changed_settings(before, after),
      testing::ElementsAre("retention: not set -> {daily: 7}", "schedule: {full: \"@daily\"} -> {full: \"@weekly\"}",
                           "window: not set -> \"22:00-06:00\""));
}

Policy policy_for(std::string name, Labels match) {
  Policy policy;
  policy.name = std::move(name);
  policy.match = std::move(match);
  return policy;
}

TEST(PolicyMatch, TakesTheMostSpecific) {
  const std::vector<Policy> policies{policy_for("default", {}), policy_for("prod", {{"env", "prod"}}),
                                     policy_for("prod-pg", {{"env", "prod"}, {"engine", "postgres"}})};
  const auto name = [&policies](const Labels& labels) { return match_policy(policies, labels).policy->name; };
  EXPECT_EQ(name({{"env", "prod"}, {"engine", "postgres"}, {"x", "y"}}), "prod-pg");
  EXPECT_EQ(name({{"env", "prod"}, {"engine", "sqlite"}}), "prod");
  EXPECT_EQ(name({{"env", "test"}}), "default");
  EXPECT_THAT(match_policy(policies, {{"env", "prod"}}).conflict, testing::IsEmpty());
}

TEST(PolicyMatch, ShowsATieAsAConflict) {
  const std::vector<Policy> policies{policy_for("b", {{"env", "prod"}}), policy_for("a", {{"engine", "postgres"}}),
                                     policy_for("c", {})};
  const auto match = match_policy(policies, {{"env", "prod"}, {"engine", "postgres"}});
  EXPECT_EQ(match.policy->name, "a");
  EXPECT_THAT(match.conflict, ElementsAre("a", "b"));
}

TEST(PolicyMatch, LeavesADatabaseUnprotectedWhenNothingFits) {
  const std::vector<Policy> policies{policy_for("prod", {{"env", "prod"}})};
  EXPECT_EQ(match_policy(policies, {{"env", "test"}}).policy, nullptr);
  EXPECT_EQ(match_policy({}, {}).policy, nullptr);
}

}  // namespace
}  // namespace holdfast
