import type { RequestHandler } from "express";
import helmet from "helmet";

/**
 * Headers under which the page can load and run nothing but its own files, be shown in no other page, and turn no text into HTML.
 * @see Content Security Policy Level 3; Trusted Types
 */
export const securityHeaders: RequestHandler = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      "default-src": ["'none'"],
      "script-src": ["'self'"],
      "style-src": ["'self'"],
      "img-src": ["'self'"],
      "connect-src": ["'self'"],
      "base-uri": ["'none'"],
      "form-action": ["'none'"],
      "frame-ancestors": ["'none'"],
      "require-trusted-types-for": ["'script'"],
      "trusted-types": ["'none'"],
    },
  },
  crossOriginEmbedderPolicy: true,
  referrerPolicy: { policy: "no-referrer" },
  // Plain http on loopback; whoever adds TLS in front adds this header too.
  strictTransportSecurity: false,
});
