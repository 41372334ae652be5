#include "shared/wire/codec_structs.h"

namespace holdfast {

void write_to(schema::PassField::Builder to, const BucketPass::Field& from) {
  to.setName(text_of(from.name));
  to.setValue(text_of(from.value));
}

BucketPass::Field read_from(schema::PassField::Reader from, Reading& reading) {
  BucketPass::Field out;
  out.name = reading.text(from.getName());
  out.value = reading.text(from.getValue());
  return out;
}

void write_to(schema::BucketWish::Builder to, const BucketWish& from) {
  to.setKind(enumerant<schema::BucketWishKind>(from.kind));
  to.setName(text_of(from.name));
  to.setParts(from.parts);
  to.setAfter(text_of(from.after));
}

BucketWish read_from(schema::BucketWish::Reader from, Reading& reading) {
  BucketWish out;
  out.kind = reading.enumerant<BucketWish::Kind>(from.getKind());
  out.name = reading.text(from.getName());
  out.parts = from.getParts();
  out.after = reading.text(from.getAfter());
  return out;
}

void write_to(schema::PassRequest::Builder to, const PassRequest& from) {
  to.setStore(text_of(from.store));
  write_to(to.initWish(), from.wish);
}

PassRequest read_from(schema::PassRequest::Reader from, Reading& reading) {
  PassRequest out;
  out.store = reading.text(from.getStore());
  out.wish = read_from(from.getWish(), reading);
  return out;
}

void write_to(schema::PassReply::Builder to, const PassReply& from) {
  to.setUrl(text_of(from.pass.url));
  write_list(to.initFields(count(from.pass.fields)), from.pass.fields);
  to.setValid(from.pass.valid.count());
  if (from.refused) write_to(to.initRefused(), *from.refused);
}

PassReply read_from(schema::PassReply::Reader from, Reading& reading) {
  PassReply out;
  out.pass.url = reading.text(from.getUrl());
  out.pass.fields = read_list<BucketPass::Field>(from.getFields(), reading);
  out.pass.valid = reading.duration(from.getValid());
  if (from.hasRefused()) out.refused = read_from(from.getRefused(), reading);
  return out;
}

}  // namespace holdfast
