#pragma once
// One run of the program: where it stands, what the common options say, the connection once it is needed.
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "coordinator/cli/client.h"
#include "coordinator/cli/console.h"
#include "coordinator/cli/grammar.h"
#include "coordinator/cli/render.h"
#include "shared/os/file_system.h"

namespace holdfast {

// What an operator file gives.
struct FleetAccess {
  std::unique_ptr<ClientTransport> transport;
  std::string endpoint;
  FleetId fleet;
  SignPublicKey root;  // whom signed objects must lead up to
  std::string fleet_name{};
  CurvePublicKey fleet_server{};
};

// Everything outside, handed in by main or by a test.
struct Surroundings {
  Console& console;
  Clock& clock;
  FileSystem& files;
  Entropy& entropy;
  StopToken stop;
  std::function<Result<FleetAccess>(const std::string& operator_file)> connect;
  std::string version;
};

// Options that stand behind every verb.
struct Globals {
  std::string operator_file;
  std::string format = "table";
  bool no_headers = false;
};

ListRequest listing(Listing what, Selection selection = {});
ListRequest listing_by_id(Listing what, std::vector<std::string> ids);

class Session {
 public:
  Session(Surroundings& surroundings, const Globals& globals) : world_(surroundings), globals_(globals) {}

  Console& console() { return world_.console; }
  Clock& clock() { return world_.clock; }
  FileSystem& files() { return world_.files; }
  Entropy& entropy() { return world_.entropy; }
  const StopToken& stop() const { return world_.stop; }
  Contact contact() const { return client_ ? client_->contact() : Contact::not_tried; }

  // --operator, else HOLDFAST_OPERATOR, else ~/.config/holdfast/operator. Code::invalid: none of them.
  Result<std::string> operator_path() const;
  // Connects at the first question.
  Result<OperatorReplyBody> ask(OperatorBody body);
  // What it would do, in sentences; nothing changes.
  Result<DoneReply> would(OperatorBody body);
  // Code::unsupported when the answer is of another kind.
  template <class Reply>
  Result<Reply> ask_for(OperatorBody body) {
    OperatorReplyBody reply = TRY(ask(std::move(body)));
    auto* wanted = std::get_if<Reply>(&reply);
    if (wanted == nullptr) return std::unexpected(unexpected_reply());
    return std::move(*wanted);
  }
  // All pages of it.
  Result<ListReply> list(ListRequest request);
  // Of all nodes and databases; asked once.
  Result<const Names*> names();
  // Whom the fleet's objects must be signed by; connects.
  Result<const FleetAccess*> fleet();

  Style style() const;
  bool for_people() const;
  void print(std::string_view text) { world_.console.out(text); }  // data, with its line ends
  // A listing; to people the note, on stderr, when there is nothing in it.
  void print_list(std::string_view text, std::string_view when_empty);
  void note(std::string_view line);  // to stderr
  void warn(std::string_view line);
  void report(const Error& error);  // "error: ..." and "hint: ..."
  // Yes when the flag was given or somebody at the terminal says so; Code::invalid otherwise.
  Result<> confirm(bool yes, const std::string& question);

 private:
  static Error unexpected_reply();
  Result<Client*> client();

  Surroundings& world_;
  const Globals& globals_;
  std::unique_ptr<Client> client_;
  FleetAccess access_;  // its transport went to the client
  std::optional<Names> names_;
};

// What the program ends with after this error.
ExitCode exit_code(const Error& error, Contact contact);

}  // namespace holdfast
