/** Names for people who do not exist. */
const given = ('Ada Amir Ana Anna Bao Ben Carla Chen Chloe Clara Daniel David Elena Eli Emma Erik Eva Fatima Felix Hana Hugo Ines Ivan Jana Jin Jonas Julia Kaito Lara Lea Leon Li Lucas Luis Maja '
  + 'Marie Marta Mei Mia Milan Mona Nils Nina Noah Nora Olga Omar Oscar Paul Pia Rafael Rosa Sara Selin Sofia Tom Vera Wei Yan Zoe').split(' ');
const family = ('Abe Adams Ahmed Arnold Bauer Becker Berg Brandt Braun Carter Costa Cruz Diaz Dubois Eriksen Fischer Fontana Garcia Graf Gruber Haas Hansen Hoffmann Huber Ito Jansen Jensen Kaiser Keller '
  + 'Kim Klein Koch Kowalski Krause Lang Larsen Lehmann Lopez Maier Martin Meyer Miller Moreau Moretti Muller Nagy Novak Okafor Olsen Park Peters Petrov Quinn Rossi Roth Sato Schmidt Schneider Silva '
  + 'Singh Sousa Stone Tanaka Thomas Torres Vogel Wagner Walker Wang Weber Wolf Wong Yamada Young Zhang Ziegler').split(' ');

export const givenName = (user: number): string => given[user % given.length] ?? '';
export const familyName = (user: number): string => family[Math.floor(user / given.length) % family.length] ?? '';
