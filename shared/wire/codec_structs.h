#pragma once
// Private to the codec: each struct of the schema and its plain twin. read_from() and write_to() are named by the types
// they take, so a list or a member needs no word of its own.
#include "schema/control.capnp.h"
#include "schema/fleet.capnp.h"
#include "schema/operator.capnp.h"
#include "schema/policy.capnp.h"
#include "shared/wire/codec_parts.h"

namespace holdfast {

// ---- enumerations: the same numbers on both sides, checked at the last one -----------------------------------------
constexpr Code last_of(Code) {
  return Code::not_restorable;
}
constexpr Engine last_of(Engine) {
  return Engine::sqlite;
}
constexpr BackupType last_of(BackupType) {
  return BackupType::differential;
}
constexpr NodeState last_of(NodeState) {
  return NodeState::revoked;
}
constexpr Protection last_of(Protection) {
  return Protection::excluded;
}
constexpr StoreKind last_of(StoreKind) {
  return StoreKind::peer;
}
constexpr S3Place::Addressing last_of(S3Place::Addressing) {
  return S3Place::Addressing::host;
}
constexpr S3Place::Hosts last_of(S3Place::Hosts) {
  return S3Place::Hosts::presigned;
}
constexpr BucketWish::Kind last_of(BucketWish::Kind) {
  return BucketWish::Kind::put;
}
constexpr Ability last_of(Ability) {
  return Ability::yes;
}
constexpr Approval last_of(Approval) {
  return Approval::exec;
}
constexpr Role last_of(Role) {
  return Role::admin;
}
constexpr BackupState last_of(BackupState) {
  return BackupState::released;
}
constexpr JobKind last_of(JobKind) {
  return JobKind::shutdown;
}
constexpr StepOutcome last_of(StepOutcome) {
  return StepOutcome::failed;
}
constexpr ShutdownReach last_of(ShutdownReach) {
  return ShutdownReach::databases;
}
constexpr JobState last_of(JobState) {
  return JobState::lost;
}
constexpr TargetKind last_of(TargetKind) {
  return TargetKind::immediate;
}
constexpr StartAfter last_of(StartAfter) {
  return StartAfter::no_start;
}
constexpr RestoreMethod last_of(RestoreMethod) {
  return RestoreMethod::delta;
}
constexpr WayBack last_of(WayBack) {
  return WayBack::none;
}
constexpr BackupDuty last_of(BackupDuty) {
  return BackupDuty::elsewhere;
}
constexpr Listing last_of(Listing) {
  return Listing::copies;
}
constexpr NodeRequest::Verb last_of(NodeRequest::Verb) {
  return NodeRequest::Verb::shutdown;
}
constexpr StoreRequest::Verb last_of(StoreRequest::Verb) {
  return StoreRequest::Verb::remove;
}
constexpr BackupRequest::Verb last_of(BackupRequest::Verb) {
  return BackupRequest::Verb::remove;
}
constexpr RestoreRequest::Verb last_of(RestoreRequest::Verb) {
  return RestoreRequest::Verb::finalize;
}

template <class Enum, class Raw>
constexpr bool same_last(Raw raw) {
  return static_cast<std::uint16_t>(last_of(Enum{})) == static_cast<std::uint16_t>(raw);
}
static_assert(same_last<Code>(schema::Code::NOT_RESTORABLE));
static_assert(same_last<Engine>(schema::Engine::SQLITE));
static_assert(same_last<BackupType>(schema::BackupType::DIFFERENTIAL));
static_assert(same_last<NodeState>(schema::NodeState::REVOKED));
static_assert(same_last<Protection>(schema::Protection::EXCLUDED));
static_assert(same_last<StoreKind>(schema::StoreKind::PEER));
static_assert(same_last<S3Place::Addressing>(schema::S3Addressing::HOST));
static_assert(same_last<S3Place::Hosts>(schema::S3Hosts::PRESIGNED));
static_assert(same_last<BucketWish::Kind>(schema::BucketWishKind::PUT));
static_assert(same_last<Ability>(schema::Ability::YES));
static_assert(same_last<Approval>(schema::Approval::EXEC));
static_assert(same_last<Role>(schema::Role::ADMIN));
static_assert(same_last<BackupState>(schema::BackupState::RELEASED));
static_assert(same_last<JobKind>(schema::JobKind::SHUTDOWN));
static_assert(same_last<StepOutcome>(schema::StepOutcome::FAILED));
static_assert(same_last<ShutdownReach>(schema::ShutdownReach::DATABASES));
static_assert(same_last<JobState>(schema::JobState::LOST));
static_assert(same_last<TargetKind>(schema::TargetKind::IMMEDIATE));
static_assert(same_last<StartAfter>(schema::StartAfter::NO_START));
static_assert(same_last<RestoreMethod>(schema::RestoreMethod::DELTA));
static_assert(same_last<WayBack>(schema::WayBack::NONE));
static_assert(same_last<BackupDuty>(schema::BackupDuty::ELSEWHERE));
static_assert(same_last<Listing>(schema::Listing::COPIES));
static_assert(same_last<NodeRequest::Verb>(schema::NodeVerb::SHUTDOWN));
static_assert(same_last<StoreRequest::Verb>(schema::StoreVerb::REMOVE));
static_assert(same_last<BackupRequest::Verb>(schema::BackupVerb::REMOVE));
static_assert(same_last<RestoreRequest::Verb>(schema::RestoreVerb::FINALIZE));

// ---- shapes that are no struct of their own -------------------------------------------------------------------------
using LabelListBuilder = capnp::List<schema::Label>::Builder;
using LabelListReader = capnp::List<schema::Label>::Reader;
void write_labels(LabelListBuilder to, const Labels& from);
Labels read_labels(LabelListReader from, Reading& reading);

using Mappings = std::vector<std::pair<std::string, std::string>>;
using MappingListBuilder = capnp::List<schema::Mapping>::Builder;
using MappingListReader = capnp::List<schema::Mapping>::Reader;
void write_mappings(MappingListBuilder to, const Mappings& from);
Mappings read_mappings(MappingListReader from, Reading& reading);

// ---- structs
// ---------------------------------------------------------------------------------------------------------
void write_to(schema::Policy::Builder to, const Policy& from);
Policy read_from(schema::Policy::Reader from, Reading& reading);
void write_to(schema::NodeFacts::Builder to, const NodeFacts& from);
NodeFacts read_from(schema::NodeFacts::Reader from, Reading& reading);
void write_to(schema::Node::Builder to, const Node& from);
Node read_from(schema::Node::Reader from, Reading& reading);
void write_to(schema::FoundDatabase::Builder to, const FoundDatabase& from);
FoundDatabase read_from(schema::FoundDatabase::Reader from, Reading& reading);
void write_to(schema::Member::Builder to, const Member& from);
Member read_from(schema::Member::Reader from, Reading& reading);
void write_to(schema::Database::Builder to, const Database& from);
Database read_from(schema::Database::Reader from, Reading& reading);
void write_to(schema::S3Place::Builder to, const S3Place& from);
S3Place read_from(schema::S3Place::Reader from, Reading& reading);
void write_to(schema::PeerPlace::Builder to, const PeerPlace& from);
PeerPlace read_from(schema::PeerPlace::Reader from, Reading& reading);
void write_to(schema::StoreAbilities::Builder to, const StoreAbilities& from);
StoreAbilities read_from(schema::StoreAbilities::Reader from, Reading& reading);
void write_to(schema::VaultDuty::Builder to, const VaultDuty& from);
VaultDuty read_from(schema::VaultDuty::Reader from, Reading& reading);
void write_to(schema::StoreInfo::Builder to, const StoreInfo& from);
StoreInfo read_from(schema::StoreInfo::Reader from, Reading& reading);
void write_to(schema::Token::Builder to, const Token& from);
Token read_from(schema::Token::Reader from, Reading& reading);
void write_to(schema::Operator::Builder to, const Operator& from);
Operator read_from(schema::Operator::Reader from, Reading& reading);
void write_to(schema::BackupCopy::Builder to, const BackupCopy& from);
BackupCopy read_from(schema::BackupCopy::Reader from, Reading& reading);
void write_to(schema::Backup::Builder to, const Backup& from);
Backup read_from(schema::Backup::Reader from, Reading& reading);
void write_to(schema::WalRange::Builder to, const WalRange& from);
WalRange read_from(schema::WalRange::Reader from, Reading& reading);
void write_to(schema::TimelineChange::Builder to, const TimelineChange& from);
TimelineChange read_from(schema::TimelineChange::Reader from, Reading& reading);
void write_to(schema::EpochInfo::Builder to, const EpochInfo& from);
EpochInfo read_from(schema::EpochInfo::Reader from, Reading& reading);
void write_to(schema::Progress::Builder to, const Progress& from);
Progress read_from(schema::Progress::Reader from, Reading& reading);
void write_to(schema::Finding::Builder to, const Finding& from);
Finding read_from(schema::Finding::Reader from, Reading& reading);
void write_to(schema::MissedRuns::Builder to, const MissedRuns& from);
MissedRuns read_from(schema::MissedRuns::Reader from, Reading& reading);
void write_to(schema::JobStep::Builder to, const JobStep& from);
JobStep read_from(schema::JobStep::Reader from, Reading& reading);
void write_to(schema::DatabaseReceipt::Builder to, const DatabaseReceipt& from);
DatabaseReceipt read_from(schema::DatabaseReceipt::Reader from, Reading& reading);
void write_to(schema::Job::Builder to, const Job& from);
Job read_from(schema::Job::Reader from, Reading& reading);
void write_to(schema::RecoveryTarget::Builder to, const RecoveryTarget& from);
RecoveryTarget read_from(schema::RecoveryTarget::Reader from, Reading& reading);
void write_to(schema::RestoreTarget::Builder to, const RestoreTarget& from);
RestoreTarget read_from(schema::RestoreTarget::Reader from, Reading& reading);
void write_to(schema::Restore::Builder to, const Restore& from);
Restore read_from(schema::Restore::Reader from, Reading& reading);
void write_to(schema::WalPosition::Builder to, const WalPosition& from);
WalPosition read_from(schema::WalPosition::Reader from, Reading& reading);
void write_to(schema::GrantedKey::Builder to, const GrantedKey& from);
GrantedKey read_from(schema::GrantedKey::Reader from, Reading& reading);
void write_to(schema::Refused::Builder to, const Refused& from);
Refused read_from(schema::Refused::Reader from, Reading& reading);
void write_to(schema::EnrolHello::Builder to, const EnrolHello& from);
EnrolHello read_from(schema::EnrolHello::Reader from, Reading& reading);
void write_to(schema::EnrolChallenge::Builder to, const EnrolChallenge& from);
EnrolChallenge read_from(schema::EnrolChallenge::Reader from, Reading& reading);
void write_to(schema::EnrolProof::Builder to, const EnrolProof& from);
EnrolProof read_from(schema::EnrolProof::Reader from, Reading& reading);
void write_to(schema::Enrolled::Builder to, const Enrolled& from);
Enrolled read_from(schema::Enrolled::Reader from, Reading& reading);
void write_to(schema::EnrolPending::Builder to, const EnrolPending& from);
EnrolPending read_from(schema::EnrolPending::Reader from, Reading& reading);
void write_to(schema::Hello::Builder to, const Hello& from);
Hello read_from(schema::Hello::Reader from, Reading& reading);
void write_to(schema::Welcome::Builder to, const Welcome& from);
Welcome read_from(schema::Welcome::Reader from, Reading& reading);
void write_to(schema::Heartbeat::Builder to, const Heartbeat& from);
Heartbeat read_from(schema::Heartbeat::Reader from, Reading& reading);
void write_to(schema::HeartbeatAck::Builder to, const HeartbeatAck& from);
HeartbeatAck read_from(schema::HeartbeatAck::Reader from, Reading& reading);
void write_to(schema::Inventory::Builder to, const Inventory& from);
Inventory read_from(schema::Inventory::Reader from, Reading& reading);
void write_to(schema::InventoryAck::Builder to, const InventoryAck& from);
InventoryAck read_from(schema::InventoryAck::Reader from, Reading& reading);
void write_to(schema::OrderAck::Builder to, const OrderAck& from);
OrderAck read_from(schema::OrderAck::Reader from, Reading& reading);
void write_to(schema::JobReport::Builder to, const JobReport& from);
JobReport read_from(schema::JobReport::Reader from, Reading& reading);
void write_to(schema::JobReportAck::Builder to, const JobReportAck& from);
JobReportAck read_from(schema::JobReportAck::Reader from, Reading& reading);
void write_to(schema::EpochReport::Builder to, const EpochReport& from);
EpochReport read_from(schema::EpochReport::Reader from, Reading& reading);
void write_to(schema::EpochReportAck::Builder to, const EpochReportAck& from);
EpochReportAck read_from(schema::EpochReportAck::Reader from, Reading& reading);
void write_to(schema::HistoryReport::Builder to, const HistoryReport& from);
HistoryReport read_from(schema::HistoryReport::Reader from, Reading& reading);
void write_to(schema::HistoryReportAck::Builder to, const HistoryReportAck& from);
HistoryReportAck read_from(schema::HistoryReportAck::Reader from, Reading& reading);
void write_to(schema::PassField::Builder to, const BucketPass::Field& from);
BucketPass::Field read_from(schema::PassField::Reader from, Reading& reading);
void write_to(schema::BucketWish::Builder to, const BucketWish& from);
BucketWish read_from(schema::BucketWish::Reader from, Reading& reading);
void write_to(schema::PassRequest::Builder to, const PassRequest& from);
PassRequest read_from(schema::PassRequest::Reader from, Reading& reading);
void write_to(schema::PassReply::Builder to, const PassReply& from);
PassReply read_from(schema::PassReply::Reader from, Reading& reading);
void write_to(schema::NamedRecipient::Builder to, const NamedRecipient& from);
NamedRecipient read_from(schema::NamedRecipient::Reader from, Reading& reading);
void write_to(schema::AssignmentAck::Builder to, const AssignmentAck& from);
AssignmentAck read_from(schema::AssignmentAck::Reader from, Reading& reading);
void write_to(schema::BackupOrder::Builder to, const BackupOrder& from);
BackupOrder read_from(schema::BackupOrder::Reader from, Reading& reading);
void write_to(schema::RestoreOrder::Builder to, const RestoreOrder& from);
RestoreOrder read_from(schema::RestoreOrder::Reader from, Reading& reading);
void write_to(schema::WalPart::Builder to, const WalPart& from);
WalPart read_from(schema::WalPart::Reader from, Reading& reading);
void write_to(schema::VerifyOrder::Builder to, const VerifyOrder& from);
VerifyOrder read_from(schema::VerifyOrder::Reader from, Reading& reading);
void write_to(schema::RollbackOrder::Builder to, const RollbackOrder& from);
RollbackOrder read_from(schema::RollbackOrder::Reader from, Reading& reading);
void write_to(schema::FinalizeOrder::Builder to, const FinalizeOrder& from);
FinalizeOrder read_from(schema::FinalizeOrder::Reader from, Reading& reading);
void write_to(schema::StoreCheckOrder::Builder to, const StoreCheckOrder& from);
StoreCheckOrder read_from(schema::StoreCheckOrder::Reader from, Reading& reading);
void write_to(schema::CopyOrder::Builder to, const CopyOrder& from);
CopyOrder read_from(schema::CopyOrder::Reader from, Reading& reading);
void write_to(schema::ScrubOrder::Builder to, const ScrubOrder& from);
ScrubOrder read_from(schema::ScrubOrder::Reader from, Reading& reading);
void write_to(schema::ShutdownOrder::Builder to, const ShutdownOrder& from);
ShutdownOrder read_from(schema::ShutdownOrder::Reader from, Reading& reading);
void write_to(schema::SlotRequest::Builder to, const SlotRequest& from);
SlotRequest read_from(schema::SlotRequest::Reader from, Reading& reading);
void write_to(schema::SlotReply::Builder to, const SlotReply& from);
SlotReply read_from(schema::SlotReply::Reader from, Reading& reading);
void write_to(schema::RefreshOrder::Builder to, const RefreshOrder& from);
RefreshOrder read_from(schema::RefreshOrder::Reader from, Reading& reading);
void write_to(schema::CancelOrder::Builder to, const CancelOrder& from);
CancelOrder read_from(schema::CancelOrder::Reader from, Reading& reading);
void write_to(schema::Selection::Builder to, const Selection& from);
Selection read_from(schema::Selection::Reader from, Reading& reading);
void write_to(schema::ListRequest::Builder to, const ListRequest& from);
ListRequest read_from(schema::ListRequest::Reader from, Reading& reading);
void write_to(schema::CreateTokenRequest::Builder to, const CreateTokenRequest& from);
CreateTokenRequest read_from(schema::CreateTokenRequest::Reader from, Reading& reading);
void write_to(schema::RevokeTokenRequest::Builder to, const RevokeTokenRequest& from);
RevokeTokenRequest read_from(schema::RevokeTokenRequest::Reader from, Reading& reading);
void write_to(schema::NodeRequest::Builder to, const NodeRequest& from);
NodeRequest read_from(schema::NodeRequest::Reader from, Reading& reading);
void write_to(schema::AddStoreRequest::Builder to, const AddStoreRequest& from);
AddStoreRequest read_from(schema::AddStoreRequest::Reader from, Reading& reading);
void write_to(schema::StoreRequest::Builder to, const StoreRequest& from);
StoreRequest read_from(schema::StoreRequest::Reader from, Reading& reading);
void write_to(schema::ApplyPolicyRequest::Builder to, const ApplyPolicyRequest& from);
ApplyPolicyRequest read_from(schema::ApplyPolicyRequest::Reader from, Reading& reading);
void write_to(schema::DeletePolicyRequest::Builder to, const DeletePolicyRequest& from);
DeletePolicyRequest read_from(schema::DeletePolicyRequest::Reader from, Reading& reading);
void write_to(schema::CreateBackupRequest::Builder to, const CreateBackupRequest& from);
CreateBackupRequest read_from(schema::CreateBackupRequest::Reader from, Reading& reading);
void write_to(schema::BackupRequest::Builder to, const BackupRequest& from);
BackupRequest read_from(schema::BackupRequest::Reader from, Reading& reading);
void write_to(schema::VerifyRequest::Builder to, const VerifyRequest& from);
VerifyRequest read_from(schema::VerifyRequest::Reader from, Reading& reading);
void write_to(schema::RestoreMapping::Builder to, const RestorePlanRequest::Mapping& from);
RestorePlanRequest::Mapping read_from(schema::RestoreMapping::Reader from, Reading& reading);
void write_to(schema::RestorePlanRequest::Builder to, const RestorePlanRequest& from);
RestorePlanRequest read_from(schema::RestorePlanRequest::Reader from, Reading& reading);
void write_to(schema::NodeGrant::Builder to, const RestoreRunRequest::Grant& from);
RestoreRunRequest::Grant read_from(schema::NodeGrant::Reader from, Reading& reading);
void write_to(schema::RestoreRunRequest::Builder to, const RestoreRunRequest& from);
RestoreRunRequest read_from(schema::RestoreRunRequest::Reader from, Reading& reading);
void write_to(schema::RestoreRequest::Builder to, const RestoreRequest& from);
RestoreRequest read_from(schema::RestoreRequest::Reader from, Reading& reading);
void write_to(schema::CancelJobRequest::Builder to, const CancelJobRequest& from);
CancelJobRequest read_from(schema::CancelJobRequest::Reader from, Reading& reading);
void write_to(schema::RetentionRequest::Builder to, const RetentionRequest& from);
RetentionRequest read_from(schema::RetentionRequest::Reader from, Reading& reading);
void write_to(schema::CreateOperatorRequest::Builder to, const CreateOperatorRequest& from);
CreateOperatorRequest read_from(schema::CreateOperatorRequest::Reader from, Reading& reading);
void write_to(schema::RevokeOperatorRequest::Builder to, const RevokeOperatorRequest& from);
RevokeOperatorRequest read_from(schema::RevokeOperatorRequest::Reader from, Reading& reading);
void write_to(schema::CopyRequest::Builder to, const CopyRequest& from);
CopyRequest read_from(schema::CopyRequest::Reader from, Reading& reading);
void write_to(schema::CopyView::Builder to, const CopyView& from);
CopyView read_from(schema::CopyView::Reader from, Reading& reading);
void write_to(schema::LogCopy::Builder to, const LogCopy& from);
LogCopy read_from(schema::LogCopy::Reader from, Reading& reading);
void write_to(schema::LogArrears::Builder to, const LogArrears& from);
LogArrears read_from(schema::LogArrears::Reader from, Reading& reading);
void write_to(schema::RefreshRequest::Builder to, const RefreshRequest& from);
RefreshRequest read_from(schema::RefreshRequest::Reader from, Reading& reading);
void write_to(schema::NodeView::Builder to, const NodeView& from);
NodeView read_from(schema::NodeView::Reader from, Reading& reading);
void write_to(schema::DatabaseView::Builder to, const DatabaseView& from);
DatabaseView read_from(schema::DatabaseView::Reader from, Reading& reading);
void write_to(schema::WindowGap::Builder to, const Window::Gap& from);
Window::Gap read_from(schema::WindowGap::Reader from, Reading& reading);
void write_to(schema::Window::Builder to, const Window& from);
Window read_from(schema::Window::Reader from, Reading& reading);
void write_to(schema::RetentionDecision::Builder to, const RetentionDecision& from);
RetentionDecision read_from(schema::RetentionDecision::Reader from, Reading& reading);
void write_to(schema::FleetStatus::Builder to, const FleetStatus& from);
FleetStatus read_from(schema::FleetStatus::Reader from, Reading& reading);
void write_to(schema::ListReply::Builder to, const ListReply& from);
ListReply read_from(schema::ListReply::Reader from, Reading& reading);
void write_to(schema::TokenReply::Builder to, const TokenReply& from);
TokenReply read_from(schema::TokenReply::Reader from, Reading& reading);
void write_to(schema::JobsReply::Builder to, const JobsReply& from);
JobsReply read_from(schema::JobsReply::Reader from, Reading& reading);
void write_to(schema::DoneReply::Builder to, const DoneReply& from);
DoneReply read_from(schema::DoneReply::Reader from, Reading& reading);
void write_to(schema::PolicyReply::Builder to, const PolicyReply& from);
PolicyReply read_from(schema::PolicyReply::Reader from, Reading& reading);
void write_to(schema::NeededEpoch::Builder to, const NeededEpoch& from);
NeededEpoch read_from(schema::NeededEpoch::Reader from, Reading& reading);
void write_to(schema::RestorePlanReply::Builder to, const RestorePlanReply& from);
RestorePlanReply read_from(schema::RestorePlanReply::Reader from, Reading& reading);
void write_to(schema::VerifyPlanReply::Builder to, const VerifyPlanReply& from);
VerifyPlanReply read_from(schema::VerifyPlanReply::Reader from, Reading& reading);
void write_to(schema::RetentionReply::Builder to, const RetentionReply& from);
RetentionReply read_from(schema::RetentionReply::Reader from, Reading& reading);
void write_to(schema::Assignment::Builder to, const Assignment& from);
Assignment read_from(schema::Assignment::Reader from, Reading& reading);
void write_to(schema::Order::Builder to, const Order& from);
Order read_from(schema::Order::Reader from, Reading& reading);
void write_to(schema::OperatorRequest::Builder to, const OperatorRequest& from);
OperatorRequest read_from(schema::OperatorRequest::Reader from, Reading& reading);
void write_to(schema::OperatorReply::Builder to, const OperatorReply& from);
OperatorReply read_from(schema::OperatorReply::Reader from, Reading& reading);
void write_to(schema::Envelope::Builder to, const Message& from);
Message read_from(schema::Envelope::Reader from, Reading& reading);

}  // namespace holdfast
