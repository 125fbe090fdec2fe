# cmake -DSOURCE=DIR -DOUTPUT=FILE -P commit.cmake: writes FILE, C++ that names the commit of DIR, when
# it is not the one that FILE names already.

set(commit unknown)
# Asked of DIR's own repository: an unpacked archive may lie inside another one.
if(EXISTS ${SOURCE}/.git)
    execute_process(
        COMMAND git --no-optional-locks --git-dir=${SOURCE}/.git --work-tree=${SOURCE} describe
                --always --dirty --abbrev=12 --exclude=*
        OUTPUT_VARIABLE described RESULT_VARIABLE status OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(status EQUAL 0)
        set(commit ${described})
    endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT [[
#include "tools/vouch/commit.h"

const std::string_view vouch::cli::kCommit = "@commit@";
]])
