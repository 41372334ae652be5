#include "coordinator/cli/session.h"

#include <fmt/format.h>

#include <iterator>

#include "coordinator/cli/human.h"

namespace holdfast {
namespace {

template <class T>
void append_all(std::vector<T>& to, std::vector<T>&& more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

void append_page(ListReply& to, ListReply&& page) {
  append_all(to.nodes, std::move(page.nodes));
  append_all(to.databases, std::move(page.databases));
  append_all(to.stores, std::move(page.stores));
  append_all(to.policies, std::move(page.policies));
  append_all(to.tokens, std::move(page.tokens));
  append_all(to.operators, std::move(page.operators));
  append_all(to.backups, std::move(page.backups));
  append_all(to.windows, std::move(page.windows));
  append_all(to.jobs, std::move(page.jobs));
  append_all(to.restores, std::move(page.restores));
}

}  // namespace

ListRequest listing(Listing what, Selection selection) {
  ListRequest request;
  request.what = what;
  request.selection = std::move(selection);
  return request;
}

ListRequest listing_by_id(Listing what, std::vector<std::string> ids) {
  ListRequest request;
  request.what = what;
  request.ids = std::move(ids);
  return request;
}

Result<std::string> Session::operator_path() const {
  if (!globals_.operator_file.empty()) return globals_.operator_file;
  if (const auto path = world_.console.environment("HOLDFAST_OPERATOR")) return *path;
  const auto home = world_.console.environment("HOME");
  std::string usual = home ? *home + "/.config/holdfast/operator" : "";
  if (!usual.empty() && TRY(world_.files.stat(usual))) return usual;
  return fail(Code::invalid,
              "no operator file: --operator and HOLDFAST_OPERATOR are not given and \"" +
                  (usual.empty() ? "~/.config/holdfast/operator" : usual) + "\" does not exist",
              "holdfast init makes the first one (DIR/admin.operator); pass it with --operator FILE");
}

Result<Client*> Session::client() {
  if (client_) return client_.get();
  const std::string path = TRY(operator_path());
  access_ = TRY(world_.connect(path));
  client_ = std::make_unique<Client>(std::move(access_.transport), world_.clock, world_.entropy, world_.stop,
                                     ClientOptions{.endpoint = access_.endpoint});
  return client_.get();
}

Result<const FleetAccess*> Session::fleet() {
  (void)TRY(client());
  return &access_;
}

Result<OperatorReplyBody> Session::ask(OperatorBody body) {
  Client* client_now = TRY(client());
  return client_now->ask(std::move(body));
}

Result<DoneReply> Session::would(OperatorBody body) {
  Client* client_now = TRY(client());
  const OperatorReplyBody reply = TRY(client_now->ask(OperatorRequest{.body = std::move(body), .dry_run = true}));
  const auto* would = std::get_if<DoneReply>(&reply);
  if (would == nullptr) return std::unexpected(unexpected_reply());
  return *would;
}

Error Session::unexpected_reply() {
  return Error{Code::unsupported, "the coordinator answered with something this version does not know",
               "compare holdfast --version with the coordinator's version in holdfast status"};
}

Result<ListReply> Session::list(ListRequest request) {
  ListReply all = TRY(ask_for<ListReply>(request));
  std::string next = all.next;
  while (!next.empty()) {
    request.after = next;
    ListReply page = TRY(ask_for<ListReply>(request));
    if (page.next == next) return fail(Code::internal, "the coordinator's listing does not end");
    next = page.next;
    append_page(all, std::move(page));
  }
  return all;
}

Result<const Names*> Session::names() {
  if (!names_) {
    Names names;
    learn_names(names, TRY(list(listing(Listing::nodes))));
    learn_names(names, TRY(list(listing(Listing::databases))));
    names_ = std::move(names);
  }
  return &*names_;
}

Style Session::style() const {
  Style style;
  style.now = world_.clock.now();
  style.headers = globals_.no_headers ? Headers::hide : Headers::show;
  if (globals_.format == "wide") style.format = OutputFormat::wide;
  if (globals_.format == "json") style.format = OutputFormat::json;
  if (globals_.format == "yaml") style.format = OutputFormat::yaml;
  if (globals_.format == "name") style.format = OutputFormat::name;
  return style;
}

bool Session::for_people() const {
  const OutputFormat format = style().format;
  return format == OutputFormat::table || format == OutputFormat::wide;
}

void Session::print_list(std::string_view text, std::string_view when_empty) {
  print(text);
  if (text.empty() && for_people()) note(when_empty);
}

void Session::note(std::string_view line) {
  world_.console.err(printable(line) + "\n");
}
void Session::warn(std::string_view line) {
  note("warning: " + std::string(line));
}

void Session::report(const Error& error) {
  const bool coloured = world_.console.err_is_terminal() && !world_.console.environment("NO_COLOR") &&
                        world_.console.environment("TERM").value_or("dumb") != "dumb";
  world_.console.err(coloured ? "\x1b[31merror:\x1b[0m " : "error: ");
  note(error.message);
  if (!error.hint.empty()) note("hint: " + error.hint);
}

Result<> Session::confirm(bool yes, const std::string& question) {
  if (yes) return {};
  if (!world_.console.in_is_terminal() || !world_.console.err_is_terminal()) {
    return fail(Code::invalid, question + " needs a confirmation", "say so with --yes");
  }
  const std::string answer = TRY(world_.console.ask_line(printable(question) + "; go on? [y/N] "));
  if (answer == "y" || answer == "Y" || answer == "yes") return {};
  return fail(Code::cancelled, "not confirmed; nothing was changed");
}

ExitCode exit_code(const Error& error, Contact contact) {
  if (error.code == Code::unavailable && contact == Contact::failed) return ExitCode::coordinator_unreachable;
  return exit_code_of(error.code);
}

}  // namespace holdfast
