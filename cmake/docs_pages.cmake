# docs_pages(TARGET): adds the API's pages to a target: downloads the npm packages they are made of once a
# build directory (again when the lock file changes), and makes docs_files.c of them and of openapi.yaml.
find_program(SIEM_NODE node DOC "Node.js, which makes the API's pages")
if(NOT SIEM_NODE)
    message(FATAL_ERROR "node is not installed; the API's pages are made with it. On Debian 12: deploy/install build")
endif()

function(docs_pages target)
    set(source ${CMAKE_CURRENT_SOURCE_DIR}/docs)
    set(output ${CMAKE_CURRENT_BINARY_DIR}/docs)
    set(packages ${output}/packages.stamp)
    add_custom_command(OUTPUT ${packages}
        COMMAND ${SIEM_NODE} ${source}/packages.mjs ${output}/packages
        COMMAND ${CMAKE_COMMAND} -E touch ${packages}
        DEPENDS ${source}/packages.mjs ${source}/package.json ${source}/package-lock.json
        COMMENT "npm packages of the API's pages" VERBATIM)
    add_custom_command(OUTPUT ${output}/docs_files.c
        COMMAND ${SIEM_NODE} ${source}/pages.mjs ${output}/packages ${CMAKE_CURRENT_SOURCE_DIR}/openapi.yaml
            ${PROJECT_VERSION} ${output}
        DEPENDS ${packages} ${CMAKE_CURRENT_SOURCE_DIR}/openapi.yaml ${source}/pages.mjs
            ${source}/docs.html ${source}/redoc.html ${source}/redoc.css
            ${source}/start-swagger-ui.js ${source}/start-redoc.js
        COMMENT "Pages of the API" VERBATIM)
    target_sources(${target} PRIVATE ${output}/docs_files.c)
endfunction()
