#include "shared/wire/codec_structs.h"

namespace holdfast {

void write_to(schema::SlotRequest::Builder to, const SlotRequest& from) {
  to.setDatabase(data_unless_none(from.database));
  to.setDueAt(from.due_at.micros());
}

SlotRequest read_from(schema::SlotRequest::Reader from, Reading& reading) {
  SlotRequest out;
  out.database = reading.fixed<DatabaseId>(from.getDatabase());
  out.due_at = reading.time(from.getDueAt());
  return out;
}

void write_to(schema::SlotReply::Builder to, const SlotReply& from) {
  to.setDatabase(data_unless_none(from.database));
  to.setGranted(from.granted);
  to.setWait(from.wait.count());
  to.setReason(text_of(from.reason));
}

SlotReply read_from(schema::SlotReply::Reader from, Reading& reading) {
  SlotReply out;
  out.database = reading.fixed<DatabaseId>(from.getDatabase());
  out.granted = from.getGranted();
  out.wait = reading.duration(from.getWait());
  out.reason = reading.text(from.getReason());
  return out;
}

}  // namespace holdfast
