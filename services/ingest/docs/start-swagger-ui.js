// Opens Swagger UI on this server's own document. Every operation is ready to be tried; nothing is sent
// anywhere else (no validator), and the API key is forgotten with the page.
window.ui = SwaggerUIBundle({
  url: 'openapi.json',
  domNode: document.getElementById('swagger-ui'),
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  persistAuthorization: false,
  validatorUrl: null,
});
