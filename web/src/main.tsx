import { createRoot } from 'react-dom/client';
import './app.css';
import { checkSession } from './api/session';
import { App } from './app';
import { startTheme } from './lib/theme';

startTheme();
void checkSession();
createRoot(document.getElementById('root')!).render(<App />);
