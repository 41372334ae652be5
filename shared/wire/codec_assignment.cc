// An assignment of a host with a thousand SQLite files would carry the same policy a thousand times: here it is sent
// once, and each database refers to it.

#include "shared/wire/codec_structs.h"

namespace holdfast {

namespace {

// Each different value once, in the order of first use.
template <class Value>
class Table {
 public:
  std::uint32_t place(const Value& value) {
    for (std::uint32_t i = 0; i < values_.size(); ++i) {
      if (values_[i] == value) return i;
    }
    values_.push_back(value);
    return static_cast<std::uint32_t>(values_.size() - 1);
  }
  const std::vector<Value>& values() const { return values_; }

 private:
  std::vector<Value> values_;
};

struct Tables {
  Table<Policy> policies;
  Table<NamedRecipient> recipients;
};

void write_assigned(schema::Assigned::Builder to, const Assigned& from, Tables& tables) {
  to.setKey(text_of(from.key));
  to.setDatabase(data_unless_none(from.database));
  to.setName(text_of(from.name));
  to.setEngine(enumerant<schema::Engine>(from.engine));
  write_labels(to.initLabels(count(from.labels)), from.labels);
  to.setActive(from.active);
  to.setProtect(from.protect);
  to.setPolicyIndex(tables.policies.place(from.policy));
  write_texts(to.initStores(count(from.stores)), from.stores);
  auto indexes = to.initRecipientIndexes(count(from.recipients));
  for (unsigned i = 0; i < from.recipients.size(); ++i) indexes.set(i, tables.recipients.place(from.recipients[i]));
  to.setLastBackupAt(from.last_backup_at.micros());
  to.setBackups(enumerant<schema::BackupDuty>(from.backups));
  to.setLogNode(text_of(from.log_node));
  to.setBackupNote(text_of(from.backup_note));
}

// What copies of these values cost, as the message that had them once may be read into many.
struct PolicyCost {
  Policy policy;
  std::size_t bytes = 0;
};

Assigned read_assigned(schema::Assigned::Reader from, const std::vector<PolicyCost>& policies,
                       const std::vector<NamedRecipient>& recipients, Reading& reading) {
  Assigned out;
  out.key = reading.text(from.getKey());
  out.database = reading.fixed<DatabaseId>(from.getDatabase());
  out.name = reading.text(from.getName());
  out.engine = reading.enumerant<Engine>(from.getEngine());
  out.labels = read_labels(from.getLabels(), reading);
  out.active = from.getActive();
  out.protect = from.getProtect();
  if (from.getPolicyIndex() >= policies.size()) {
    reading.refuse(Code::invalid, "a database refers to a policy that is not there");
  } else if (const PolicyCost& policy = policies[from.getPolicyIndex()]; reading.spend(policy.bytes)) {
    out.policy = policy.policy;
  }
  out.stores = read_texts(from.getStores(), reading);
  for (const std::uint32_t index : from.getRecipientIndexes()) {
    if (index >= recipients.size()) {
      reading.refuse(Code::invalid, "a database refers to a recipient that is not there");
    } else if (reading.spend(sizeof(NamedRecipient) + recipients[index].name.size())) {
      out.recipients.push_back(recipients[index]);
    }
    if (reading.fault()) break;
  }
  out.last_backup_at = reading.time(from.getLastBackupAt());
  out.backups = reading.enumerant<BackupDuty>(from.getBackups());
  out.log_node = reading.text(from.getLogNode());
  out.backup_note = reading.text(from.getBackupNote());
  return out;
}

}  // namespace

void write_to(schema::VaultDuty::Builder to, const VaultDuty& from) {
  to.setStore(data_unless_none(from.store));
  to.setName(text_of(from.name));
  to.setPath(text_of(from.path));
  to.setQuotaBytes(from.quota_bytes);
}

VaultDuty read_from(schema::VaultDuty::Reader from, Reading& reading) {
  VaultDuty out;
  out.store = reading.fixed<StoreId>(from.getStore());
  out.name = reading.text(from.getName());
  out.path = reading.text(from.getPath());
  out.quota_bytes = from.getQuotaBytes();
  return out;
}

void write_to(schema::Assignment::Builder to, const Assignment& from) {
  Tables tables;
  to.setRevision(from.revision);
  write_list(to.initStores(count(from.stores)), from.stores);
  auto databases = to.initDatabases(count(from.databases));
  for (unsigned i = 0; i < from.databases.size(); ++i) write_assigned(databases[i], from.databases[i], tables);
  to.setFleetRecord(data_of(from.fleet_record));
  write_list(to.initPolicies(count(tables.policies.values())), tables.policies.values());
  write_list(to.initRecipients(count(tables.recipients.values())), tables.recipients.values());
  write_list(to.initVaults(count(from.vaults)), from.vaults);
  to.setState(enumerant<schema::NodeState>(from.state));
}

Assignment read_from(schema::Assignment::Reader from, Reading& reading) {
  Assignment out;
  out.revision = from.getRevision();
  out.stores = read_list<StoreInfo>(from.getStores(), reading);
  out.fleet_record = reading.bytes(from.getFleetRecord());
  out.vaults = read_list<VaultDuty>(from.getVaults(), reading);
  out.state = reading.enumerant<NodeState>(from.getState());

  std::vector<PolicyCost> policies;
  const auto policy_list = from.getPolicies();
  if (!reading.spend(policy_list.size() * sizeof(PolicyCost))) return out;
  for (const auto policy : policy_list) {
    // Texts and lists of strings grow by at most this factor against their encoding.
    constexpr std::size_t growth = 8;
    policies.push_back({read_from(policy, reading), policy.totalSize().wordCount * sizeof(capnp::word) * growth});
  }
  const auto recipients = read_list<NamedRecipient>(from.getRecipients(), reading);

  const auto databases = from.getDatabases();
  if (!reading.spend(databases.size() * sizeof(Assigned))) return out;
  out.databases.reserve(databases.size());
  for (const auto database : databases) {
    out.databases.push_back(read_assigned(database, policies, recipients, reading));
    if (reading.fault()) break;
  }
  return out;
}

}  // namespace holdfast
