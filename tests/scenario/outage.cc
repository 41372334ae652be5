#include "tests/scenario/outage.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace holdfast {
namespace {

// As the cluster's own user would have put it there: a file of the data directory that the backup has to copy.
void put_ballast(const PostgresCluster& cluster, int mebibytes) {
  const std::string path = cluster.data_directory() + "/ballast";
  std::ifstream random("/dev/urandom", std::ios::binary);
  std::ofstream out(path, std::ios::binary);
  std::string block(1 << 20, '\0');
  for (int i = 0; i < mebibytes; ++i) {
    random.read(block.data(), static_cast<std::streamsize>(block.size()));
    out << block;
  }
  out.close();
  ASSERT_EQ(::chown(path.c_str(), cluster.owner().uid, cluster.owner().gid), 0);
}

}  // namespace

Outage::Outage() = default;

void Outage::SetUp() {
  fleet_.start_coordinator();
  fleet_.ship_log_every_second();
  ASSERT_EQ(fleet_.cli({"store", "add", "local", "posix", "--path", fleet_.store()}).exit_code, 0);
}

void Outage::create_cluster(int ballast_mib) {
  auto cluster = PostgresCluster::create({});
  ASSERT_THAT(cluster, Succeeded());
  cluster_.emplace(std::move(*cluster));
  put_ballast(*cluster_, ballast_mib);
  ASSERT_THAT(cluster_->start(), Succeeded());
  ASSERT_THAT(cluster_->sql("CREATE TABLE journal (id bigint PRIMARY KEY)"), Succeeded());
}

void Outage::enrol_agent() {
  fleet_.add_agent(host, {cluster_->data_directory()});  // copies beside it are not its business
  fleet_.start_agent(host, fleet_.new_token({"--label", "fleet=demo"}));
}

void Outage::protect() {
  enrol_agent();
  ASSERT_FALSE(fleet_.wait_for_backup().is_null());
  database_ = items({"database", "list"})[0]["name"];
}

void Outage::restart_agent() {
  fleet_.start_agent(host);
}

void Outage::apply_policy(const std::string& schedule, const std::string& more) {
  const std::string file = fleet_.path("policy.yaml");
  std::ofstream(file) << "apiVersion: holdfast/v1\nkind: Policy\nname: often\nmatch: {fleet: demo}\nschedule: {"
                      << schedule << "}\nwal: {rpo: 1s}\n"
                      << more;
  const auto applied = fleet_.cli({"policy", "apply", "-f", file});
  ASSERT_EQ(applied.exit_code, 0) << applied.err;
}

bool Outage::status_says(const std::string& words) const {
  return fleet_.query({"status"})["alerts"].dump().find(words) != std::string::npos;
}

void Outage::start_writes() {
  writes_ = std::make_unique<AcknowledgedWrites>([this](std::int64_t id) {
    return cluster_->sql("INSERT INTO journal VALUES (" + std::to_string(id) + ")").has_value();
  });
}

std::set<std::int64_t> Outage::rows() const {
  const auto text = cluster_->sql("SELECT id FROM journal");
  EXPECT_THAT(text, Succeeded());
  std::set<std::int64_t> ids;
  std::istringstream lines(text.value_or(""));
  for (std::int64_t id = 0; lines >> id;) ids.insert(id);
  return ids;
}

nlohmann::json Outage::items(std::vector<std::string> listing) const {
  listing.insert(listing.end(), {"-o", "json"});
  return fleet_.cli(listing).json().value("items", nlohmann::json::array());
}

std::vector<nlohmann::json> Outage::jobs(const std::string& kind) const {
  std::vector<nlohmann::json> found;
  const auto all = items({"job", "list"});
  for (const auto& one : all) {
    if (one.value("kind", "") == kind) found.push_back(one);
  }
  return found;
}

nlohmann::json Outage::job(const std::string& id) const {
  return fleet_.cli({"job", "describe", id, "-o", "json"}).json();
}

std::string Outage::job_state(const std::string& id) const {
  return job(id).value("state", "");
}

bool Outage::job_ends(const std::string& id, int seconds) const {
  return Fleet::eventually(
      [&] {
        const std::string state = job_state(id);
        return state == "complete" || state == "failed" || state == "cancelled" || state == "lost";
      },
      seconds);
}

std::vector<nlohmann::json> Outage::complete_backups() const {
  std::vector<nlohmann::json> found;
  const auto all = items({"backup", "list"});
  for (const auto& one : all) {
    if (one.value("state", "") == "complete") found.push_back(one);
  }
  return found;
}

std::string Outage::order_backup() const {
  const auto ordered = fleet_.cli({"backup", "create", database_, "--detach", "-o", "name"});
  EXPECT_EQ(ordered.exit_code, 0) << ordered.err;
  return ordered.out.substr(0, ordered.out.find('\n'));
}

std::string Outage::agent_status() const {
  const std::string out = fleet_.path("agent-status.out");
  std::filesystem::remove(out);
  auto status =
      ChildProcess::start({Fleet::binary("holdfast-agent"), "status", "--state", fleet_.place(host).state}, out);
  status.wait();
  std::ifstream in(out);
  return {std::istreambuf_iterator<char>(in), {}};
}

int Outage::agent_knows(const std::string& kind, const std::string& state) const {
  std::istringstream lines(agent_status());
  int count = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    std::string id;
    std::string its_kind;
    std::string its_state;
    if (words >> word >> id >> its_kind >> its_state; word == "job" && its_kind == kind && its_state == state) ++count;
  }
  return count;
}

Timestamp Outage::recoverable_through() const {
  const auto windows = items({"window", "list"});
  if (windows.empty() || !windows[0]["to"].is_string()) return {};
  return parse_time(windows[0]["to"].get<std::string>()).value_or(Timestamp());
}

bool Outage::covered(Timestamp moment, int seconds) const {
  return Fleet::eventually([&] { return recoverable_through() >= moment; }, seconds);
}

nlohmann::json Outage::gaps() const {
  const auto windows = items({"window", "list"});
  return windows.empty() ? nlohmann::json() : windows[0]["gaps"];
}

std::string Outage::slot_position() const {
  return cluster_->sql("SELECT restart_lsn FROM pg_replication_slots WHERE slot_name LIKE 'holdfast%'").value_or("");
}

CliResult Outage::restore(const std::vector<std::string>& options) const {
  std::vector<std::string> arguments{"restore", "run", database_, "--yes", "--recovery-key", fleet_.recovery_key()};
  arguments.insert(arguments.end(), options.begin(), options.end());
  return fleet_.cli(arguments);
}

void Outage::expect_every_acknowledged_row_after_restore() {
  writes_->stop();
  const Timestamp moment = clock_.now();
  ASSERT_TRUE(covered(moment)) << "the log does not get to the stores any more";
  EXPECT_EQ(gaps(), nlohmann::json::array());
  ASSERT_THAT(cluster_->sql("DROP TABLE journal"), Succeeded());
  const auto restored = restore({"--to-time", to_rfc3339(moment)});
  ASSERT_EQ(restored.exit_code, 0) << restored.err;
  expect_rows(rows(), moment);
}

void Outage::expect_rows(const std::set<std::int64_t>& found, Timestamp moment) const {
  const auto expected = writes_->before(moment);
  EXPECT_GT(expected.size(), 20U);
  for (const auto id : expected) EXPECT_TRUE(found.contains(id)) << "acknowledged row " << id << " is lost";
  for (const auto id : writes_->after(moment))
    EXPECT_FALSE(found.contains(id)) << "row " << id << " is from after the moment";
}

}  // namespace holdfast
