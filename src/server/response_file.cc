// A shelf of texts in a SQLite file: one table, by name, in the order in which they came.
#include <fmt/format.h>
#include <sqlite3.h>

#include <utility>

#include "base/error.h"
#include "server/response_store.h"

namespace hearth {
namespace {

constexpr int kFormat = 1;  // of the table, as the file says it

class Statement {
 public:
  Statement(sqlite3* file, const char* text) {
    if (sqlite3_prepare_v2(file, text, -1, &statement_, nullptr) != SQLITE_OK) {
      throw Error(fmt::format("the store of responses: {}", sqlite3_errmsg(file)));
    }
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(int place, const std::string& text) {
    sqlite3_bind_text64(statement_, place, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
    return *this;
  }
  Statement& bind(int place, std::int64_t number) {
    sqlite3_bind_int64(statement_, place, number);
    return *this;
  }
  // Whether there is a row.
  bool step() {
    const int result = sqlite3_step(statement_);
    if (result != SQLITE_ROW && result != SQLITE_DONE) {
      throw Error(fmt::format("the store of responses: {}", sqlite3_errmsg(sqlite3_db_handle(statement_))));
    }
    return result == SQLITE_ROW;
  }
  std::string text(int column) {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    return bytes == nullptr ? std::string()
                            : std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
  }
  std::int64_t number(int column) { return sqlite3_column_int64(statement_, column); }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

class FileShelf final : public TextShelf {
 public:
  FileShelf(const std::string& path, std::int64_t bytes_max) : bytes_max_(bytes_max) {
    constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path.c_str(), &file_, kFlags, nullptr) != SQLITE_OK) fail(path);
    constexpr int kPatienceMs = 5000;
    sqlite3_busy_timeout(file_, kPatienceMs);
    try {
      prepare();
    } catch (const Error&) {
      fail(path);
    }
  }
  ~FileShelf() override { sqlite3_close(file_); }
  FileShelf(const FileShelf&) = delete;
  FileShelf& operator=(const FileShelf&) = delete;

  void put(const std::string& name, const std::string& text) override {
    run("BEGIN IMMEDIATE");
    try {
      Statement(file_, "INSERT OR REPLACE INTO texts (name, text, bytes) VALUES (?1, ?2, ?3)")
          .bind(1, name)
          .bind(2, text)
          .bind(3, static_cast<std::int64_t>(text.size()))
          .step();
      forget_oldest();
      run("COMMIT");
    } catch (const Error&) {
      sqlite3_exec(file_, "ROLLBACK", nullptr, nullptr, nullptr);
      throw;
    }
  }
  std::optional<std::string> find(const std::string& name) override {
    Statement statement(file_, "SELECT text FROM texts WHERE name = ?1");
    if (!statement.bind(1, name).step()) return std::nullopt;
    return statement.text(0);
  }
  bool erase(const std::string& name) override {
    Statement(file_, "DELETE FROM texts WHERE name = ?1").bind(1, name).step();
    return sqlite3_changes(file_) > 0;
  }

 private:
  [[noreturn]] void fail(const std::string& path) {
    const std::string why = file_ != nullptr ? sqlite3_errmsg(file_) : "no memory";
    sqlite3_close(std::exchange(file_, nullptr));
    throw InvalidInput(fmt::format("{}: cannot keep responses there: {}", path, why));
  }

  void run(const char* text) { Statement(file_, text).step(); }

  void prepare() {
    Statement version(file_, "PRAGMA user_version");
    version.step();
    const std::int64_t format = version.number(0);
    if (format != 0 && format != kFormat) throw Error("another format");
    run("CREATE TABLE IF NOT EXISTS texts (place INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE NOT NULL, "
        "text TEXT NOT NULL, bytes INTEGER NOT NULL)");
    run("PRAGMA user_version = 1");
  }

  void forget_oldest() {
    for (;;) {
      Statement sum(file_, "SELECT COALESCE(SUM(bytes), 0), COUNT(*) FROM texts");
      sum.step();
      if (sum.number(0) <= bytes_max_ || sum.number(1) <= 1) return;
      run("DELETE FROM texts WHERE place = (SELECT MIN(place) FROM texts)");
    }
  }

  std::int64_t bytes_max_;
  sqlite3* file_ = nullptr;
};

}  // namespace

std::unique_ptr<TextShelf> file_shelf(const std::string& path, std::int64_t bytes_max) {
  return std::make_unique<FileShelf>(path, bytes_max);
}

}  // namespace hearth
