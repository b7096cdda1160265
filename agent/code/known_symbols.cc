// SPDX-License-Identifier: Apache-2.0
// Source: ISO C++20, "Headers" [headers] and the synopses of each clause; ISO C17, clause 7; the Python 3 library
// reference.
#include "agent/code/known_symbols.h"

#include <algorithm>
#include <array>
#include <span>

namespace agent {
namespace {

struct Known {
  std::string_view name, home;
};

// clang-format off
constexpr auto kCpp = std::to_array<Known>({  // sorted by name
    {"FILE", "cstdio"}, {"abort", "cstdlib"}, {"abs", "cmath"}, {"accumulate", "numeric"}, {"acos", "cmath"},
    {"addressof", "memory"}, {"adjacent_difference", "numeric"}, {"adjacent_find", "algorithm"},
    {"advance", "iterator"}, {"all_of", "algorithm"}, {"allocator", "memory"}, {"any", "any"}, {"any_cast", "any"},
    {"any_of", "algorithm"}, {"apply", "tuple"}, {"array", "array"}, {"as_const", "utility"}, {"asin", "cmath"},
    {"async", "future"}, {"atan", "cmath"}, {"atan2", "cmath"}, {"atof", "cstdlib"}, {"atoi", "cstdlib"},
    {"atomic", "atomic"}, {"atomic_flag", "atomic"}, {"back_inserter", "iterator"}, {"bad_cast", "typeinfo"},
    {"begin", "iterator"}, {"binary_search", "algorithm"}, {"bind", "functional"}, {"bit_cast", "bit"},
    {"bit_ceil", "bit"}, {"bit_width", "bit"}, {"bitset", "bitset"}, {"boolalpha", "ios"}, {"byte", "cstddef"},
    {"call_once", "mutex"}, {"calloc", "cstdlib"}, {"cbrt", "cmath"}, {"ceil", "cmath"}, {"cerr", "iostream"},
    {"char_traits", "string"}, {"chrono", "chrono"}, {"cin", "iostream"}, {"clamp", "algorithm"}, {"clock", "ctime"},
    {"clog", "iostream"}, {"common_type_t", "type_traits"}, {"complex", "complex"},
    {"condition_variable", "condition_variable"}, {"condition_variable_any", "condition_variable"},
    {"conditional", "type_traits"}, {"conditional_t", "type_traits"}, {"convertible_to", "concepts"},
    {"copy", "algorithm"}, {"copy_if", "algorithm"}, {"copy_n", "algorithm"}, {"cos", "cmath"},
    {"count", "algorithm"}, {"count_if", "algorithm"}, {"countl_zero", "bit"}, {"countr_zero", "bit"},
    {"cout", "iostream"}, {"cref", "functional"}, {"current_exception", "exception"}, {"dec", "ios"},
    {"decay_t", "type_traits"}, {"declval", "utility"}, {"default_random_engine", "random"}, {"deque", "deque"},
    {"derived_from", "concepts"}, {"difftime", "ctime"}, {"distance", "iterator"}, {"domain_error", "stdexcept"},
    {"enable_if", "type_traits"}, {"enable_if_t", "type_traits"}, {"enable_shared_from_this", "memory"},
    {"end", "iterator"}, {"endl", "iostream"}, {"equal", "algorithm"}, {"equal_range", "algorithm"},
    {"errc", "system_error"}, {"error_code", "system_error"}, {"exception", "exception"},
    {"exception_ptr", "exception"}, {"exchange", "utility"}, {"exclusive_scan", "numeric"}, {"exit", "cstdlib"},
    {"exp", "cmath"}, {"fabs", "cmath"}, {"false_type", "type_traits"}, {"fclose", "cstdio"}, {"fflush", "cstdio"},
    {"fgets", "cstdio"}, {"filesystem", "filesystem"}, {"fill", "algorithm"}, {"fill_n", "algorithm"},
    {"find", "algorithm"}, {"find_first_of", "algorithm"}, {"find_if", "algorithm"}, {"find_if_not", "algorithm"},
    {"fixed", "ios"}, {"floating_point", "concepts"}, {"floor", "cmath"}, {"flush", "ostream"}, {"fmod", "cmath"},
    {"fopen", "cstdio"}, {"for_each", "algorithm"}, {"format", "format"}, {"forward", "utility"},
    {"forward_list", "forward_list"}, {"fprintf", "cstdio"}, {"fputs", "cstdio"}, {"fread", "cstdio"},
    {"free", "cstdlib"}, {"from_chars", "charconv"}, {"from_chars_result", "charconv"},
    {"front_inserter", "iterator"}, {"fstream", "fstream"}, {"function", "functional"}, {"future", "future"},
    {"fwrite", "cstdio"}, {"gcd", "numeric"}, {"generate", "algorithm"}, {"generic_category", "system_error"},
    {"get", "tuple"}, {"get_if", "variant"}, {"get_time", "iomanip"}, {"getenv", "cstdlib"}, {"getline", "string"},
    {"gmtime", "ctime"}, {"greater", "functional"}, {"has_single_bit", "bit"}, {"hash", "functional"}, {"hex", "ios"},
    {"holds_alternative", "variant"}, {"hypot", "cmath"}, {"ifstream", "fstream"}, {"includes", "algorithm"},
    {"inclusive_scan", "numeric"}, {"index_sequence", "utility"}, {"initializer_list", "initializer_list"},
    {"inner_product", "numeric"}, {"inserter", "iterator"}, {"int16_t", "cstdint"}, {"int32_t", "cstdint"},
    {"int64_t", "cstdint"}, {"int8_t", "cstdint"}, {"integral", "concepts"}, {"intmax_t", "cstdint"},
    {"intptr_t", "cstdint"}, {"invalid_argument", "stdexcept"}, {"invocable", "concepts"}, {"invoke", "functional"},
    {"invoke_result_t", "type_traits"}, {"ios", "ios"}, {"iota", "numeric"}, {"is_arithmetic_v", "type_traits"},
    {"is_base_of_v", "type_traits"}, {"is_convertible_v", "type_traits"}, {"is_floating_point_v", "type_traits"},
    {"is_integral_v", "type_traits"}, {"is_same", "type_traits"}, {"is_same_v", "type_traits"},
    {"is_sorted", "algorithm"}, {"isalnum", "cctype"}, {"isalpha", "cctype"}, {"isdigit", "cctype"},
    {"isfinite", "cmath"}, {"isinf", "cmath"}, {"islower", "cctype"}, {"isnan", "cmath"}, {"isprint", "cctype"},
    {"ispunct", "cctype"}, {"isspace", "cctype"}, {"istream", "istream"}, {"istream_iterator", "iterator"},
    {"istreambuf_iterator", "iterator"}, {"istringstream", "sstream"}, {"isupper", "cctype"}, {"isxdigit", "cctype"},
    {"jthread", "thread"}, {"lcm", "numeric"}, {"left", "ios"}, {"length_error", "stdexcept"}, {"less", "functional"},
    {"lexicographical_compare", "algorithm"}, {"list", "list"}, {"llround", "cmath"}, {"localtime", "ctime"},
    {"lock_guard", "mutex"}, {"log", "cmath"}, {"log10", "cmath"}, {"log2", "cmath"}, {"logic_error", "stdexcept"},
    {"lower_bound", "algorithm"}, {"lround", "cmath"}, {"make_error_code", "system_error"},
    {"make_heap", "algorithm"}, {"make_move_iterator", "iterator"}, {"make_optional", "optional"},
    {"make_pair", "utility"}, {"make_shared", "memory"}, {"make_signed_t", "type_traits"}, {"make_tuple", "tuple"},
    {"make_unique", "memory"}, {"make_unsigned_t", "type_traits"}, {"malloc", "cstdlib"}, {"map", "map"},
    {"max", "algorithm"}, {"max_align_t", "cstddef"}, {"max_element", "algorithm"}, {"memcmp", "cstring"},
    {"memcpy", "cstring"}, {"memmove", "cstring"}, {"memory_order_relaxed", "atomic"}, {"memset", "cstring"},
    {"merge", "algorithm"}, {"midpoint", "numeric"}, {"min", "algorithm"}, {"min_element", "algorithm"},
    {"minmax", "algorithm"}, {"minmax_element", "algorithm"}, {"minus", "functional"}, {"mismatch", "algorithm"},
    {"mktime", "ctime"}, {"monostate", "variant"}, {"move", "utility"}, {"mt19937", "random"}, {"multimap", "map"},
    {"multiplies", "functional"}, {"multiset", "set"}, {"mutex", "mutex"}, {"next", "iterator"},
    {"next_permutation", "algorithm"}, {"none_of", "algorithm"}, {"normal_distribution", "random"},
    {"not_fn", "functional"}, {"nth_element", "algorithm"}, {"nullopt", "optional"}, {"nullopt_t", "optional"},
    {"nullptr_t", "cstddef"}, {"numbers", "numbers"}, {"numeric_limits", "limits"}, {"ofstream", "fstream"},
    {"once_flag", "mutex"}, {"optional", "optional"}, {"ostream", "ostream"}, {"ostream_iterator", "iterator"},
    {"ostringstream", "sstream"}, {"out_of_range", "stdexcept"}, {"overflow_error", "stdexcept"},
    {"packaged_task", "future"}, {"pair", "utility"}, {"partial_ordering", "compare"}, {"partial_sort", "algorithm"},
    {"partial_sum", "numeric"}, {"partition", "algorithm"}, {"perror", "cstdio"}, {"placeholders", "functional"},
    {"plus", "functional"}, {"pop_heap", "algorithm"}, {"popcount", "bit"}, {"pow", "cmath"}, {"prev", "iterator"},
    {"prev_permutation", "algorithm"}, {"printf", "cstdio"}, {"priority_queue", "queue"}, {"promise", "future"},
    {"ptrdiff_t", "cstddef"}, {"push_heap", "algorithm"}, {"put_time", "iomanip"}, {"puts", "cstdio"},
    {"queue", "queue"}, {"quoted", "iomanip"}, {"rand", "cstdlib"}, {"random_device", "random"},
    {"range_error", "stdexcept"}, {"ranges", "ranges"}, {"ratio", "ratio"}, {"realloc", "cstdlib"},
    {"recursive_mutex", "mutex"}, {"reduce", "numeric"}, {"ref", "functional"}, {"reference_wrapper", "functional"},
    {"regex", "regex"}, {"regex_match", "regex"}, {"regex_replace", "regex"}, {"regex_search", "regex"},
    {"remove", "algorithm"}, {"remove_copy_if", "algorithm"}, {"remove_cvref_t", "type_traits"},
    {"remove_if", "algorithm"}, {"remove_reference_t", "type_traits"}, {"rename", "cstdio"}, {"replace", "algorithm"},
    {"replace_if", "algorithm"}, {"rethrow_exception", "exception"}, {"reverse", "algorithm"}, {"right", "ios"},
    {"rotate", "algorithm"}, {"round", "cmath"}, {"runtime_error", "stdexcept"}, {"same_as", "concepts"},
    {"scientific", "ios"}, {"scoped_lock", "mutex"}, {"search", "algorithm"}, {"set", "set"},
    {"set_difference", "algorithm"}, {"set_intersection", "algorithm"}, {"set_union", "algorithm"},
    {"setfill", "iomanip"}, {"setprecision", "iomanip"}, {"setw", "iomanip"}, {"shared_lock", "shared_mutex"},
    {"shared_mutex", "shared_mutex"}, {"shared_ptr", "memory"}, {"shuffle", "algorithm"}, {"sin", "cmath"},
    {"size", "iterator"}, {"size_t", "cstddef"}, {"smatch", "regex"}, {"snprintf", "cstdio"}, {"sort", "algorithm"},
    {"sort_heap", "algorithm"}, {"source_location", "source_location"}, {"span", "span"}, {"sprintf", "cstdio"},
    {"sqrt", "cmath"}, {"srand", "cstdlib"}, {"sscanf", "cstdio"}, {"ssize", "iterator"},
    {"stable_partition", "algorithm"}, {"stable_sort", "algorithm"}, {"stack", "stack"}, {"stderr", "cstdio"},
    {"stdout", "cstdio"}, {"stod", "string"}, {"stof", "string"}, {"stoi", "string"}, {"stol", "string"},
    {"stoll", "string"}, {"stop_callback", "stop_token"}, {"stop_source", "stop_token"}, {"stop_token", "stop_token"},
    {"stoul", "string"}, {"stoull", "string"}, {"strchr", "cstring"}, {"strcmp", "cstring"}, {"strcpy", "cstring"},
    {"strerror", "cstring"}, {"strftime", "ctime"}, {"string", "string"}, {"string_view", "string_view"},
    {"stringstream", "sstream"}, {"strlen", "cstring"}, {"strncmp", "cstring"}, {"strncpy", "cstring"},
    {"strong_ordering", "compare"}, {"strrchr", "cstring"}, {"strstr", "cstring"}, {"strtod", "cstdlib"},
    {"strtok", "cstring"}, {"strtol", "cstdlib"}, {"strtoll", "cstdlib"}, {"strtoul", "cstdlib"}, {"swap", "utility"},
    {"swap_ranges", "algorithm"}, {"system", "cstdlib"}, {"system_error", "system_error"}, {"tan", "cmath"},
    {"terminate", "exception"}, {"this_thread", "thread"}, {"thread", "thread"}, {"tie", "tuple"}, {"time", "ctime"},
    {"time_t", "ctime"}, {"tm", "ctime"}, {"to_chars", "charconv"}, {"to_string", "string"}, {"tolower", "cctype"},
    {"toupper", "cctype"}, {"transform", "algorithm"}, {"transform_reduce", "numeric"}, {"true_type", "type_traits"},
    {"trunc", "cmath"}, {"tuple", "tuple"}, {"tuple_size", "tuple"}, {"type_info", "typeinfo"},
    {"u8string", "string"}, {"uint16_t", "cstdint"}, {"uint32_t", "cstdint"}, {"uint64_t", "cstdint"},
    {"uint8_t", "cstdint"}, {"uintmax_t", "cstdint"}, {"uintptr_t", "cstdint"}, {"underflow_error", "stdexcept"},
    {"underlying_type_t", "type_traits"}, {"uniform_int_distribution", "random"},
    {"uniform_real_distribution", "random"}, {"unique", "algorithm"}, {"unique_lock", "mutex"},
    {"unique_ptr", "memory"}, {"unordered_map", "unordered_map"}, {"unordered_multimap", "unordered_map"},
    {"unordered_multiset", "unordered_set"}, {"unordered_set", "unordered_set"}, {"upper_bound", "algorithm"},
    {"variant", "variant"}, {"vector", "vector"}, {"views", "ranges"}, {"visit", "variant"},
    {"void_t", "type_traits"}, {"weak_ordering", "compare"}, {"weak_ptr", "memory"}, {"ws", "istream"},
    {"wstring", "string"},
});

constexpr auto kC = std::to_array<Known>({  // sorted by name
    {"CHAR_BIT", "limits.h"}, {"DBL_EPSILON", "float.h"}, {"DBL_MAX", "float.h"}, {"DBL_MIN", "float.h"},
    {"EINVAL", "errno.h"}, {"ENOENT", "errno.h"}, {"ENOMEM", "errno.h"}, {"EOF", "stdio.h"}, {"ERANGE", "errno.h"},
    {"EXIT_FAILURE", "stdlib.h"}, {"EXIT_SUCCESS", "stdlib.h"}, {"FILE", "stdio.h"}, {"FLT_MAX", "float.h"},
    {"INFINITY", "math.h"}, {"INT32_MAX", "stdint.h"}, {"INT64_MAX", "stdint.h"}, {"INT_MAX", "limits.h"},
    {"INT_MIN", "limits.h"}, {"LONG_MAX", "limits.h"}, {"LONG_MIN", "limits.h"}, {"M_PI", "math.h"},
    {"NAN", "math.h"}, {"NULL", "stdlib.h"}, {"SIGINT", "signal.h"}, {"SIGTERM", "signal.h"},
    {"SIZE_MAX", "stdint.h"}, {"UINT32_MAX", "stdint.h"}, {"UINT64_MAX", "stdint.h"}, {"UINT_MAX", "limits.h"},
    {"ULONG_MAX", "limits.h"}, {"abort", "stdlib.h"}, {"abs", "stdlib.h"}, {"assert", "assert.h"},
    {"atof", "stdlib.h"}, {"atoi", "stdlib.h"}, {"bool", "stdbool.h"}, {"bsearch", "stdlib.h"},
    {"calloc", "stdlib.h"}, {"ceil", "math.h"}, {"clock", "time.h"}, {"close", "unistd.h"}, {"cos", "math.h"},
    {"errno", "errno.h"}, {"exit", "stdlib.h"}, {"exp", "math.h"}, {"fabs", "math.h"}, {"false", "stdbool.h"},
    {"fclose", "stdio.h"}, {"fflush", "stdio.h"}, {"fgets", "stdio.h"}, {"floor", "math.h"}, {"fmod", "math.h"},
    {"fopen", "stdio.h"}, {"fork", "unistd.h"}, {"fprintf", "stdio.h"}, {"fputs", "stdio.h"}, {"fread", "stdio.h"},
    {"free", "stdlib.h"}, {"fwrite", "stdio.h"}, {"getchar", "stdio.h"}, {"getenv", "stdlib.h"},
    {"getline", "stdio.h"}, {"getpid", "unistd.h"}, {"hypot", "math.h"}, {"int16_t", "stdint.h"},
    {"int32_t", "stdint.h"}, {"int64_t", "stdint.h"}, {"int8_t", "stdint.h"}, {"isalnum", "ctype.h"},
    {"isalpha", "ctype.h"}, {"isdigit", "ctype.h"}, {"islower", "ctype.h"}, {"isnan", "math.h"},
    {"ispunct", "ctype.h"}, {"isspace", "ctype.h"}, {"isupper", "ctype.h"}, {"isxdigit", "ctype.h"},
    {"kill", "signal.h"}, {"localtime", "time.h"}, {"log", "math.h"}, {"malloc", "stdlib.h"}, {"memcmp", "string.h"},
    {"memcpy", "string.h"}, {"memmove", "string.h"}, {"memset", "string.h"}, {"mktime", "time.h"},
    {"offsetof", "stddef.h"}, {"perror", "stdio.h"}, {"pow", "math.h"}, {"printf", "stdio.h"},
    {"pthread_create", "pthread.h"}, {"pthread_join", "pthread.h"}, {"pthread_mutex_t", "pthread.h"},
    {"pthread_t", "pthread.h"}, {"ptrdiff_t", "stddef.h"}, {"putchar", "stdio.h"}, {"puts", "stdio.h"},
    {"qsort", "stdlib.h"}, {"raise", "signal.h"}, {"rand", "stdlib.h"}, {"read", "unistd.h"}, {"realloc", "stdlib.h"},
    {"round", "math.h"}, {"scanf", "stdio.h"}, {"signal", "signal.h"}, {"sin", "math.h"}, {"size_t", "stddef.h"},
    {"sleep", "unistd.h"}, {"snprintf", "stdio.h"}, {"sprintf", "stdio.h"}, {"sqrt", "math.h"}, {"srand", "stdlib.h"},
    {"sscanf", "stdio.h"}, {"stderr", "stdio.h"}, {"stdin", "stdio.h"}, {"stdout", "stdio.h"}, {"strcat", "string.h"},
    {"strchr", "string.h"}, {"strcmp", "string.h"}, {"strcpy", "string.h"}, {"strcspn", "string.h"},
    {"strdup", "string.h"}, {"strerror", "string.h"}, {"strftime", "time.h"}, {"strlen", "string.h"},
    {"strncat", "string.h"}, {"strncmp", "string.h"}, {"strncpy", "string.h"}, {"strrchr", "string.h"},
    {"strspn", "string.h"}, {"strstr", "string.h"}, {"strtod", "stdlib.h"}, {"strtok", "string.h"},
    {"strtol", "stdlib.h"}, {"strtoul", "stdlib.h"}, {"tan", "math.h"}, {"time", "time.h"}, {"time_t", "time.h"},
    {"tm", "time.h"}, {"tolower", "ctype.h"}, {"toupper", "ctype.h"}, {"true", "stdbool.h"}, {"uint16_t", "stdint.h"},
    {"uint32_t", "stdint.h"}, {"uint64_t", "stdint.h"}, {"uint8_t", "stdint.h"}, {"unlink", "unistd.h"},
    {"usleep", "unistd.h"}, {"va_arg", "stdarg.h"}, {"va_end", "stdarg.h"}, {"va_list", "stdarg.h"},
    {"va_start", "stdarg.h"}, {"write", "unistd.h"},
});

constexpr auto kPython = std::to_array<Known>({  // sorted by name
    {"ABC", "abc"}, {"ABCMeta", "abc"}, {"Any", "typing"}, {"ArgumentParser", "argparse"}, {"BytesIO", "io"},
    {"Callable", "typing"}, {"ChainMap", "collections"}, {"ClassVar", "typing"}, {"Condition", "threading"},
    {"Counter", "collections"}, {"Decimal", "decimal"}, {"Dict", "typing"}, {"Enum", "enum"}, {"Event", "threading"},
    {"ExitStack", "contextlib"}, {"Final", "typing"}, {"Flag", "enum"}, {"Fraction", "fractions"},
    {"Generator", "typing"}, {"Generic", "typing"}, {"IntEnum", "enum"}, {"InvalidOperation", "decimal"},
    {"Iterable", "typing"}, {"Iterator", "typing"}, {"List", "typing"}, {"Literal", "typing"}, {"Lock", "threading"},
    {"Mapping", "typing"}, {"MappingProxyType", "types"}, {"NamedTemporaryFile", "tempfile"},
    {"NamedTuple", "typing"}, {"Namespace", "argparse"}, {"Optional", "typing"}, {"OrderedDict", "collections"},
    {"Path", "pathlib"}, {"ProcessPoolExecutor", "concurrent.futures"}, {"Protocol", "typing"},
    {"PurePath", "pathlib"}, {"PurePosixPath", "pathlib"}, {"RLock", "threading"}, {"ROUND_HALF_EVEN", "decimal"},
    {"ROUND_HALF_UP", "decimal"}, {"Semaphore", "threading"}, {"Sequence", "typing"}, {"Set", "typing"},
    {"SimpleNamespace", "types"}, {"StrEnum", "enum"}, {"StringIO", "io"}, {"TYPE_CHECKING", "typing"},
    {"Template", "string"}, {"TemporaryDirectory", "tempfile"}, {"Thread", "threading"},
    {"ThreadPoolExecutor", "concurrent.futures"}, {"Tuple", "typing"}, {"TypeVar", "typing"}, {"TypedDict", "typing"},
    {"Union", "typing"}, {"abstractmethod", "abc"}, {"accumulate", "itertools"},
    {"as_completed", "concurrent.futures"}, {"ascii_letters", "string"}, {"ascii_lowercase", "string"},
    {"ascii_uppercase", "string"}, {"asdict", "dataclasses"}, {"astuple", "dataclasses"},
    {"asynccontextmanager", "contextlib"}, {"attrgetter", "operator"}, {"auto", "enum"}, {"bisect_left", "bisect"},
    {"bisect_right", "bisect"}, {"cache", "functools"}, {"cached_property", "functools"}, {"cast", "typing"},
    {"ceil", "math"}, {"chain", "itertools"}, {"choice", "random"}, {"closing", "contextlib"},
    {"cmp_to_key", "functools"}, {"comb", "math"}, {"combinations", "itertools"}, {"compile", "re"},
    {"compress", "itertools"}, {"contextmanager", "contextlib"}, {"count", "itertools"}, {"cycle", "itertools"},
    {"dataclass", "dataclasses"}, {"date", "datetime"}, {"dedent", "textwrap"}, {"deepcopy", "copy"},
    {"defaultdict", "collections"}, {"deque", "collections"}, {"digits", "string"}, {"dropwhile", "itertools"},
    {"dumps", "json"}, {"field", "dataclasses"}, {"fill", "textwrap"}, {"floor", "math"}, {"gcd", "math"},
    {"groupby", "itertools"}, {"heapify", "heapq"}, {"heappop", "heapq"}, {"heappush", "heapq"},
    {"heappushpop", "heapq"}, {"heapreplace", "heapq"}, {"hypot", "math"}, {"indent", "textwrap"}, {"inf", "math"},
    {"insort", "bisect"}, {"insort_left", "bisect"}, {"insort_right", "bisect"}, {"isclose", "math"},
    {"islice", "itertools"}, {"isnan", "math"}, {"itemgetter", "operator"}, {"loads", "json"}, {"log10", "math"},
    {"log2", "math"}, {"lru_cache", "functools"}, {"mean", "statistics"}, {"median", "statistics"},
    {"methodcaller", "operator"}, {"mode", "statistics"}, {"monotonic", "time"}, {"namedtuple", "collections"},
    {"nan", "math"}, {"nlargest", "heapq"}, {"nsmallest", "heapq"}, {"overload", "typing"}, {"pairwise", "itertools"},
    {"partial", "functools"}, {"perf_counter", "time"}, {"permutations", "itertools"}, {"pi", "math"},
    {"prod", "math"}, {"product", "itertools"}, {"pstdev", "statistics"}, {"punctuation", "string"},
    {"quote", "urllib.parse"}, {"randint", "random"}, {"redirect_stdout", "contextlib"}, {"reduce", "functools"},
    {"repeat", "itertools"}, {"replace", "dataclasses"}, {"shorten", "textwrap"}, {"shuffle", "random"},
    {"singledispatch", "functools"}, {"sleep", "time"}, {"sqrt", "math"}, {"starmap", "itertools"},
    {"stdev", "statistics"}, {"suppress", "contextlib"}, {"takewhile", "itertools"}, {"tee", "itertools"},
    {"timedelta", "datetime"}, {"timezone", "datetime"}, {"total_ordering", "functools"}, {"trunc", "math"},
    {"unique", "enum"}, {"unquote", "urllib.parse"}, {"urlencode", "urllib.parse"}, {"urljoin", "urllib.parse"},
    {"urlparse", "urllib.parse"}, {"wrap", "textwrap"}, {"wraps", "functools"}, {"zip_longest", "itertools"},
});
// clang-format on

constexpr auto kModules = std::to_array<std::string_view>({
    "abc",      "argparse",  "array",      "ast",         "asyncio",    "atexit",       "base64",
    "bisect",   "calendar",  "cmath",      "collections", "concurrent", "configparser", "contextlib",
    "copy",     "csv",       "ctypes",     "dataclasses", "datetime",   "decimal",      "difflib",
    "email",    "enum",      "errno",      "fnmatch",     "fractions",  "functools",    "gc",
    "getpass",  "glob",      "gzip",       "hashlib",     "heapq",      "hmac",         "html",
    "http",     "importlib", "inspect",    "io",          "ipaddress",  "itertools",    "json",
    "keyword",  "locale",    "logging",    "lzma",        "math",       "mimetypes",    "multiprocessing",
    "numbers",  "operator",  "os",         "pathlib",     "pickle",     "platform",     "pprint",
    "queue",    "random",    "re",         "secrets",     "select",     "shelve",       "shlex",
    "shutil",   "signal",    "socket",     "sqlite3",     "ssl",        "stat",         "statistics",
    "string",   "struct",    "subprocess", "sys",         "tempfile",   "textwrap",     "threading",
    "time",     "timeit",    "tomllib",    "traceback",   "types",      "typing",       "unicodedata",
    "unittest", "urllib",    "uuid",       "warnings",    "weakref",    "xml",          "zipfile",
    "zlib",     "zoneinfo",
});

std::optional<std::string_view> look_up(std::span<const Known> table, std::string_view name) {
  const auto found = std::lower_bound(table.begin(), table.end(), name,
                                      [](const Known& known, std::string_view wanted) { return known.name < wanted; });
  if (found == table.end() || found->name != name) return std::nullopt;
  return found->home;
}

}  // namespace

std::optional<std::string_view> cpp_header_of(std::string_view name) {
  return look_up(kCpp, name);
}
std::optional<std::string_view> c_header_of(std::string_view name) {
  return look_up(kC, name);
}
std::optional<std::string_view> python_module_of(std::string_view name) {
  return look_up(kPython, name);
}
bool is_python_module(std::string_view name) {
  return std::binary_search(kModules.begin(), kModules.end(), name);
}

}  // namespace agent
