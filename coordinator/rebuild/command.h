#pragma once
// `holdfast-coordinator catalog rebuild | check`.
#include <memory>

#include "shared/base/exit_code.h"

namespace CLI {
class App;
}

namespace holdfast {

class CatalogCommands {
 public:
  // Their words and options; `app` must outlive this.
  explicit CatalogCommands(CLI::App& app);
  ~CatalogCommands();
  CatalogCommands(const CatalogCommands&) = delete;
  CatalogCommands& operator=(const CatalogCommands&) = delete;

  // After parsing: whether one of them was asked for.
  bool chosen() const;
  ExitCode run() const;

 private:
  struct Options;
  std::unique_ptr<Options> options_;
};

}  // namespace holdfast
