// Opens ReDoc on this server's own document.
Redoc.init('openapi.json', { nativeScrollbars: true, expandResponses: '200,202' }, document.getElementById('redoc'));
