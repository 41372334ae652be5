#include <capnp/serialize.h>
#include <fmt/format.h>

#include <cstring>

#include "schema/vault.capnp.h"
#include "shared/wire/codec_structs.h"
#include "shared/wire/vault_messages.h"

namespace holdfast {
namespace {

using Body = schema::VaultEnvelope::Body;
constexpr int vault_nesting_limit = 4;
constexpr std::size_t told_limit = 2000;  // of a message and of a hint: both fit into vault_message_limit

struct VaultWriter {
  Body::Builder to;
  void operator()(const VaultHello& from) { to.initHello().setGrant(data_of(from.grant)); }
  void operator()(const VaultPut& from) {
    auto put = to.initPut();
    put.setName(text_of(from.name));
    put.setSize(from.size);
    put.setSha256(data_of(from.sha256));
  }
  void operator()(const VaultGet& from) { to.initGet().setName(text_of(from.name)); }
  void operator()(const VaultGetRange& from) {
    auto get = to.initGetRange();
    get.setName(text_of(from.name));
    get.setOffset(from.offset);
    get.setLength(from.length);
  }
  void operator()(const VaultList& from) { to.initList().setPrefix(text_of(from.prefix)); }
  void operator()(const VaultListParts& from) { to.initListParts().setPrefix(text_of(from.prefix)); }
  void operator()(const VaultStat& from) { to.initStat().setName(text_of(from.name)); }
  void operator()(const VaultRemove& from) { to.initRemove().setName(text_of(from.name)); }
  void operator()(const VaultCheck&) { to.setCheck(); }
  void operator()(const VaultAskSpace&) { to.setSpace(); }
  void operator()(const VaultChunk& from) { to.initChunk().setOffset(from.offset); }
  void operator()(const VaultCredit& from) { to.initCredit().setBytes(from.bytes); }
  void operator()(const VaultWelcome& from) {
    auto welcome = to.initWelcome();
    welcome.setChunkBytes(from.chunk_bytes);
    welcome.setWindowBytes(from.window_bytes);
  }
  void operator()(const VaultContent& from) { to.initContent().setSize(from.size); }
  void operator()(const VaultFound& from) {
    auto found = to.initFound();
    found.setExists(from.exists);
    found.setSize(from.size);
  }
  void operator()(const VaultSpaceIs& from) {
    auto space = to.initSpaceIs();
    space.setFreeBytes(from.free_bytes);
    space.setTotalBytes(from.total_bytes);
  }
  void operator()(const VaultDone&) { to.setDone(); }
  void operator()(const VaultRefused& from) {
    auto refused = to.initRefused();
    refused.setCode(enumerant<schema::Code>(from.error.code));
    const std::string message = from.error.message.substr(0, told_limit);
    const std::string hint = from.error.hint.substr(0, told_limit);
    refused.setMessage(text_of(message));
    refused.setHint(text_of(hint));
  }
  void operator()(const VaultBusy&) { to.setBusy(); }
};

VaultPut read_put(schema::VaultPut::Reader from, Reading& reading) {
  VaultPut out{reading.text(from.getName()), from.getSize(), {}};
  if (from.getSha256().size() != out.sha256.size()) reading.refuse(Code::invalid, "a digest has the wrong length");
  out.sha256 = reading.array(from.getSha256());
  return out;
}

VaultRefused read_refused(schema::VaultRefused::Reader from, Reading& reading) {
  return {{reading.enumerant<Code>(from.getCode()), reading.text(from.getMessage()), reading.text(from.getHint())}};
}

VaultBody read_request(Body::Reader from, Reading& reading) {
  switch (from.which()) {
    case Body::HELLO:
      return VaultHello{reading.bytes(from.getHello().getGrant())};
    case Body::PUT:
      return read_put(from.getPut(), reading);
    case Body::GET:
      return VaultGet{reading.text(from.getGet().getName())};
    case Body::GET_RANGE:
      return VaultGetRange{reading.text(from.getGetRange().getName()), from.getGetRange().getOffset(),
                           from.getGetRange().getLength()};
    case Body::LIST:
      return VaultList{reading.text(from.getList().getPrefix())};
    case Body::LIST_PARTS:
      return VaultListParts{reading.text(from.getListParts().getPrefix())};
    case Body::STAT:
      return VaultStat{reading.text(from.getStat().getName())};
    case Body::REMOVE:
      return VaultRemove{reading.text(from.getRemove().getName())};
    case Body::CHECK:
      return VaultCheck{};
    case Body::SPACE:
      return VaultAskSpace{};
    default:
      reading.refuse(Code::unsupported, "a kind that this version does not know");
      return {};
  }
}

VaultBody read_vault_body(Body::Reader from, Reading& reading) {
  switch (from.which()) {
    case Body::NONE:
      reading.refuse(Code::invalid, "it has no body");
      return {};
    case Body::CHUNK:
      return VaultChunk{from.getChunk().getOffset()};
    case Body::CREDIT:
      return VaultCredit{from.getCredit().getBytes()};
    case Body::WELCOME:
      return VaultWelcome{from.getWelcome().getChunkBytes(), from.getWelcome().getWindowBytes()};
    case Body::CONTENT:
      return VaultContent{from.getContent().getSize()};
    case Body::FOUND:
      return VaultFound{from.getFound().getExists(), from.getFound().getSize()};
    case Body::SPACE_IS:
      return VaultSpaceIs{from.getSpaceIs().getFreeBytes(), from.getSpaceIs().getTotalBytes()};
    case Body::DONE:
      return VaultDone{};
    case Body::REFUSED:
      return read_refused(from.getRefused(), reading);
    case Body::BUSY:
      return VaultBusy{};
    default:
      return read_request(from, reading);
  }
}

}  // namespace

Bytes encode_vault_message(const VaultMessage& message) {
  capnp::MallocMessageBuilder builder;
  auto envelope = builder.initRoot<schema::VaultEnvelope>();
  envelope.setVersion(vault_protocol);
  envelope.setId(message.id);
  std::visit(VaultWriter{envelope.getBody()}, message.body);
  const auto words = capnp::messageToFlatArray(builder);
  const auto bytes = words.asBytes();
  return {bytes.begin(), bytes.end()};
}

Result<VaultMessage> decode_vault_message(ByteView bytes, std::size_t limit) {
  const auto refuse = [](std::string_view why) {
    return fail(Code::invalid, fmt::format("not a message of a vault: {}", why));
  };
  if (bytes.empty() || bytes.size() % sizeof(capnp::word) != 0) return refuse("it is not whole words");
  if (bytes.size() > limit) return refuse("it is too long");
  Reading reading(limit * 4);
  VaultMessage out;
  try {
    auto words = kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word));
    std::memcpy(words.begin(), bytes.data(), bytes.size());
    capnp::FlatArrayMessageReader message(words, {limit / sizeof(capnp::word), vault_nesting_limit});
    if (message.getEnd() != words.end()) return refuse("there is more behind it");
    const auto envelope = message.getRoot<schema::VaultEnvelope>();
    if (envelope.getVersion() != vault_protocol) {
      return fail(Code::unsupported, fmt::format("a message of a vault of version {}", envelope.getVersion()));
    }
    out.id = envelope.getId();
    out.body = read_vault_body(envelope.getBody(), reading);
  } catch (const kj::Exception& exception) {
    return refuse(exception.getDescription().cStr());
  }
  if (reading.fault()) return std::unexpected(Error(*reading.fault()).during("message of a vault"));
  return out;
}

}  // namespace holdfast
