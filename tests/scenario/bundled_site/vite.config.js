// The bundler's own defaults, but for this: small pictures stay files, too.
export default { build: { assetsInlineLimit: 0 } };
