// Runs before the first paint, so that nobody is flashed with the wrong theme.
(() => {
  let choice = 'system';
  try {
    choice = localStorage.getItem('stardust.theme') || 'system';
  } catch {
    // Storage may be switched off: then the system's preference decides.
  }
  const light =
    choice === 'light' || (choice !== 'dark' && matchMedia('(prefers-color-scheme: light)').matches);
  document.documentElement.dataset.theme = light ? 'light' : 'dark';
})();
