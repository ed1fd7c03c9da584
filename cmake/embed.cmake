# embed_text(TARGET FILE SYMBOL): makes the file's text available as `extern const char SYMBOL[]`, a C
# string, regenerated when the file changes.
set(SIEM_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/embed_text.cmake)
function(embed_text target file symbol)
    set(source ${CMAKE_CURRENT_SOURCE_DIR}/${file})
    set(output ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.c)
    add_custom_command(OUTPUT ${output}
        COMMAND ${CMAKE_COMMAND} -DINPUT=${source} -DOUTPUT=${output} -DSYMBOL=${symbol} -P ${SIEM_EMBED_SCRIPT}
        DEPENDS ${source} ${SIEM_EMBED_SCRIPT} VERBATIM)
    target_sources(${target} PRIVATE ${output})
endfunction()
