interface ImportMetaEnv { readonly VITE_ISSUER: string; readonly VITE_APPLICATION_ID: string }
interface ImportMeta { readonly env: ImportMetaEnv }
declare module '*.css';
